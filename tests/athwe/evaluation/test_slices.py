"""Slices of users with known answers, on made-up facts and on a data set, and as the dashboard has them."""

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from athwe.evaluation import slices
from athwe.evaluation.ranking import rank_targets
from athwe.evaluation.recommendations import write_items, write_recommendations
from athwe.evaluation.slices import (
    CATEGORY,
    FAMILIES,
    Categories,
    Slice,
    metrics_by_slice,
    slices_of,
    standing_out,
    worst_slice,
)
from athwe.evaluation.target_facts import facts_of, slices_of_targets
from athwe.evaluation_config import EvaluationConfig
from athwe.training.trainer import Trainer
from dashboard import slicing

RANKS = np.array([1, 3, 11, 1, 2])
HALVES = [Slice("cold", "cold", np.array([1, 2])), Slice("cold", "known", np.array([0, 3, 4]))]


@pytest.mark.parametrize(
    ("family", "values", "bins"),
    [
        ("length", [1, 5, 6, 10, 11, 20, 21, 50, 51, 900], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        ("popularity", [0, 1, 4, 5, 19, 20, 99, 100, 5000], [0, 1, 1, 2, 2, 3, 3, 4, 4]),
        ("cold", [0, 4, 5, 5000], [0, 0, 1, 1]),
        ("gap", [0, 59, 60, 3599, 3600, 86_399, 86_400], [0, 0, 1, 1, 2, 2, 3]),
        ("gap", [7 * 86_400 - 1, 7 * 86_400, 30 * 86_400, 365 * 86_400 - 1, 365 * 86_400], [3, 4, 5, 5, 6]),
    ],
)
def test_edges_belong_to_the_upper_bin(family, values, bins):
    assert FAMILIES[family].bins(np.array(values)).tolist() == bins


def test_a_user_is_in_one_slice_of_a_family_and_in_one_of_each_category():
    categories = Categories(np.array([0, 0, 1, 3]), np.array(["Pan", "Jar", "Pan", "Ant"]))
    found = slices_of(
        {"history_end": np.array([1, 6, 7, 51]), "target_popularity": np.array([0, 4, 5, 100])}, categories
    )
    assert [(one.family, one.label, one.users.tolist()) for one in found] == [
        ("length", "up to 5 items", [0]), ("length", "6 to 10", [1, 2]), ("length", "over 50", [3]),
        ("popularity", "never", [0]), ("popularity", "1 to 4 times", [1]), ("popularity", "5 to 19", [2]),
        ("popularity", "100 and more", [3]),
        ("cold", "cold, under 5 times", [0, 1]), ("cold", "5 times and more", [2, 3]),
        (CATEGORY, "Pan", [0, 1]), (CATEGORY, "Ant", [3]), (CATEGORY, "Jar", [0]),
    ]  # fmt: skip


def test_only_the_categories_with_the_most_users_make_slices(monkeypatch):
    monkeypatch.setattr(slices, "MAX_CATEGORIES", 1)
    [one] = slices_of({}, Categories(np.array([0, 1, 2]), np.array(["b", "a", "b"])))
    assert (one.label, one.users.tolist()) == ("b", [0, 2])


def test_every_metric_in_every_slice_with_its_error_over_users():
    found = {(one.label, one.metric): one for one in metrics_by_slice(RANKS, HALVES, ["ndcg", "mrr"], [1, 10])}
    assert len(found) == 2 * 4
    known = found["known", "mrr@10"]
    assert (known.users, known.mean) == (3, pytest.approx((1 + 1 + 1 / 2) / 3))
    assert known.standard_error == pytest.approx(np.std([1, 1, 0.5], ddof=1) / 3**0.5)
    assert found["cold", "ndcg@10"].mean == pytest.approx(1 / np.log2(4) / 2)
    [alone] = metrics_by_slice(RANKS, [Slice("cold", "cold", np.array([0]))], ["mrr"], [10])
    assert np.isnan(alone.standard_error)


def test_the_worst_slice_needs_enough_users():
    ranks = np.array([1] * 18 + [100] * 2)
    one, two = Slice("length", "one", np.array([18])), Slice("length", "two", np.array([17, 18]))
    rest = Slice("length", "rest", np.arange(18))
    assert worst_slice(ranks, [rest, two, one], "recall@10", 1) == (0.0, one)
    assert worst_slice(ranks, [rest, two, one], "recall@10", 2) == (0.5, two)
    mean, found = worst_slice(ranks, [rest, two, one], "recall@10", 100)  # no more than a tenth is asked for
    assert (mean, found.label) == (0.5, "two")


def test_where_no_slice_has_enough_users_the_worst_one_is_everybody():
    mean, found = worst_slice(RANKS, [], "recall@10", 1)
    assert mean == 4 / 5 and (found.family, len(found.users)) == ("all", 5)


def test_what_stands_out_is_two_errors_off_and_the_worst_is_always_told():
    ranks = np.array([1] * 50 + [100] * 50)
    cut = [Slice("length", "good", np.arange(40)), Slice("length", "all", np.arange(100)),
           Slice("length", "bad", np.arange(60, 100)), Slice("length", "few", np.arange(98, 100))]  # fmt: skip
    metrics = metrics_by_slice(ranks, cut, ["recall"], [10])
    assert [one.label for one in standing_out(metrics, 0.5, enough=10)] == ["bad", "good"]
    assert [one.label for one in standing_out(metrics, 0.5, enough=10, most=1)] == ["bad"]
    [worst] = standing_out([one for one in metrics if one.label == "all"], 0.5, enough=10)
    assert worst.label == "all"


def test_slices_of_a_data_set_are_those_counted_by_hand(tiny_dataset):
    positions = tiny_dataset.positions("valid")
    held_out = {*positions, *tiny_dataset.positions("test")}
    training = Counter(item for position, item in enumerate(tiny_dataset.item) if position not in held_out)
    facts = facts_of(tiny_dataset, positions)
    assert facts["target_popularity"].tolist() == [training[tiny_dataset.item[position]] for position in positions]
    [rare] = [one for one in slices_of_targets(tiny_dataset, positions) if one.label == "5 to 19"]
    by_hand = [row for row, position in enumerate(positions) if 5 <= training[tiny_dataset.item[position]] < 20]
    assert rare.users.tolist() == by_hand and by_hand
    sealed = tiny_dataset.sealed()
    mine, its = (slices_of_targets(data, data.positions("valid")) for data in (tiny_dataset, sealed))
    assert [(one.label, one.users.tolist()) for one in mine] == [(one.label, one.users.tolist()) for one in its]


def test_the_dashboard_cuts_the_same_slices(tiny_dataset, tmp_path):
    """It may import none of this, so it has edges of its own and reads files."""
    positions = tiny_dataset.positions("valid")
    ranking = rank_targets(
        lambda batch: torch.rand(len(batch.target), tiny_dataset.n_items),
        tiny_dataset, positions, batch_size=16, mask_seen=False,
    )  # fmt: skip
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet")
    write_items(tiny_dataset, tmp_path / "i.parquet")
    users, items = pq.read_table(tmp_path / "r.parquet"), pq.read_table(tmp_path / "i.parquet")
    shown = {
        (family, label): users.column("user").take(rows).to_pylist()
        for family, labels in slicing.members(users, items).items()
        for label, rows in labels.items()
    }
    names = tiny_dataset.user_tokens[tiny_dataset.users(positions)]
    mine = slices_of_targets(tiny_dataset, positions)
    assert shown == {(one.family, one.label): sorted(names[one.users].tolist()) for one in mine}
    assert list(shown) == [(one.family, one.label) for one in mine]
    assert {one.family for one in mine} == {*FAMILIES, CATEGORY}
    worst = worst_slice(ranking.target_rank, mine, "ndcg@10", 3)
    theirs = slicing.worst_slice(users, slicing.members(users, items), "ndcg@10", 3)
    assert (theirs.mean, theirs.family, theirs.label) == (
        pytest.approx(worst.mean),
        worst.slice.family,
        worst.slice.label,
    )


def test_titles_and_families_are_the_dashboard_s_and_the_configuration_s():
    assert slices.TITLES == slicing.TITLES
    assert {name: (one.edges, one.labels, one.column) for name, one in FAMILIES.items()} == {
        name: (one.edges, one.labels, one.column) for name, one in slicing.SLICES.items()
    }
    assert set(EvaluationConfig().worst_slice_families) == set(slices.TITLES)
    assert slices.MAX_CATEGORIES == slicing.MAX_CATEGORIES
    assert slices.enough_users(100, 400) == slicing.enough_users(100, 400) == 40


def test_a_trainer_reports_the_worst_slice_of_each_validated_epoch(tiny_config, tiny_dataset):
    config = tiny_config.model_copy(
        update={"epochs": 3, "eval_step": 2, "valid_metric": "MRR@10", "worst_slice_families": ("cold",)}
    )
    skipped, *validated = list(Trainer(config, tiny_dataset).epochs())
    assert "valid/worst_mrr@10" not in skipped.metrics and len(validated) == 2
    cut = [one for one in slices_of_targets(tiny_dataset, tiny_dataset.positions("valid")) if one.family == "cold"]
    for result in validated:
        means = metrics_by_slice(result.ranking.target_rank, cut, ["mrr"], [10])
        assert result.metrics["valid/worst_mrr@10"] == min(one.mean for one in means) <= result.metrics["valid/mrr@10"]
