import numpy as np
import pytest
import torch

from athwe.evaluation import ranking as ranking_module
from athwe.evaluation.ranking import NonFiniteScoreError, rank_targets, ranks_of, top_k


def rank(score, dataset, mask_seen=False, batch_size=7):
    positions = dataset.positions("valid")
    return rank_targets(score, dataset, positions, batch_size=batch_size, mask_seen=mask_seen)


def test_a_target_ties_behind_all_its_equals():
    scores = torch.tensor([[-torch.inf, 0.9, 0.5, 0.5], [-torch.inf, 0.1, 0.2, 0.3]])
    assert ranks_of(scores, torch.tensor([2, 3])).tolist() == [3, 1]


def test_an_all_equal_scorer_ranks_every_target_last(tiny_dataset):
    ranking = rank(lambda batch: torch.zeros(len(batch.target), tiny_dataset.n_items), tiny_dataset)
    assert (ranking.target_rank == tiny_dataset.n_items - 1).all()


def test_a_scorer_that_knows_the_target_ranks_it_first(tiny_dataset):
    def score(batch):
        return torch.nn.functional.one_hot(batch.target, tiny_dataset.n_items).float()

    ranking = rank(score, tiny_dataset)
    assert (ranking.target_rank == 1).all()
    assert (ranking.top_items[:, 0] == tiny_dataset.item[ranking.positions]).all()


def test_padding_is_never_recommended(tiny_dataset):
    scores = torch.arange(tiny_dataset.n_items, 0, -1).float()
    ranking = rank(lambda batch: scores.repeat(len(batch.target), 1), tiny_dataset)
    assert ranking.top_items.min() == 1
    assert (ranking.top_items[:, 0] == 1).all()


def test_results_keep_the_order_of_positions_whatever_the_batches(tiny_dataset):
    def score(batch):
        generator = torch.Generator().manual_seed(0)
        fixed = torch.randn(tiny_dataset.n_items, tiny_dataset.n_items, generator=generator)
        return fixed[batch.item_sequence[:, 0]]

    one, many = rank(score, tiny_dataset, batch_size=1000), rank(score, tiny_dataset, batch_size=3)
    assert (one.target_rank == many.target_rank).all()
    assert (one.top_items == many.top_items).all()


def test_mask_seen_leaves_out_the_whole_history_but_never_the_target(tiny_dataset):
    ranking = rank(lambda batch: torch.zeros(len(batch.target), tiny_dataset.n_items), tiny_dataset, mask_seen=True)
    users = tiny_dataset.users(ranking.positions)
    for row, (user, position) in enumerate(zip(users, ranking.positions, strict=True)):
        history = set(tiny_dataset.item[tiny_dataset.user_offset[user] : position].tolist())
        target = int(tiny_dataset.item[position])
        assert ranking.target_rank[row] == tiny_dataset.n_items - 1 - len(history - {target})
        finite = ranking.top_items[row][np.isfinite(ranking.top_scores[row])]
        assert not (history - {target}) & set(finite.tolist())


def test_nan_scores_are_an_error(tiny_dataset):
    with pytest.raises(NonFiniteScoreError, match="NaN"):
        rank(lambda batch: torch.full((len(batch.target), tiny_dataset.n_items), torch.nan), tiny_dataset)


@pytest.mark.parametrize("items", [40, 7001, 7040])
def test_the_top_k_of_blocks_is_the_top_k_of_all(items):
    scores = torch.randn(6, items, generator=torch.Generator().manual_seed(items))
    scores[0, : items // 2] = -torch.inf
    scores[1, -3:] = 9.0 + torch.arange(3)  # in the rest that fills no block
    expected = scores.topk(30, dim=1)
    values, found = top_k(scores, 30)
    assert torch.equal(values, expected.values)
    finite = values.isfinite()
    assert torch.equal(found[finite], expected.indices[finite])


def test_a_batch_is_no_larger_than_keeps_its_scores_in_the_cache(tiny_dataset, monkeypatch):
    monkeypatch.setattr(ranking_module, "rows_per_chunk", lambda *_, **__: 2)
    rows = []

    def score(batch):
        rows.append(len(batch.target))
        return torch.zeros(len(batch.target), tiny_dataset.n_items)

    rank(score, tiny_dataset)
    assert set(rows) == {2}
