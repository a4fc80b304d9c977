"""Measures of a ranking on a data set: what is history, what is training, what was masked."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from athwe.evaluation.list_measures import history_means, measure_lists, training_users
from athwe.evaluation.ranking import rank_targets
from athwe.evaluation.recommendations import write_recommendations

FEATURE_MEASURES = ["diversity_categories", "diversity_txt", "diversity_img"]


def by_popularity(dataset):
    counts = torch.from_numpy(dataset.training_counts()).float()
    return lambda batch: counts.repeat(len(batch.target), 1)


def rank(dataset, split="valid", mask_seen=False, scorer=None):
    return rank_targets(
        scorer or by_popularity(dataset), dataset, dataset.positions(split), batch_size=16, mask_seen=mask_seen
    )


@pytest.fixture(params=["valid", "test"])
def split(request) -> str:
    return request.param


def test_every_user_has_a_value_of_each_measure(tiny_dataset, split):
    ranking = rank(tiny_dataset, split)
    found = measure_lists(ranking, tiny_dataset, split, 10)
    assert list(found.of_users) == ["novelty", "popularity_lift", *FEATURE_MEASURES]
    assert list(found.of_all) == [f"{name}@10" for name in ("coverage", "gini", *found.of_users)]
    assert all(len(values) == len(ranking.positions) for values in found.of_users.values())
    for name, values in found.of_users.items():
        assert found.of_all[f"{name}@10"] == pytest.approx(values.mean(), rel=1e-6)
    assert (found.split, found.mask_seen, found.cutoff) == (split, False, 10)


def test_the_same_list_for_everyone_covers_just_its_items(tiny_dataset):
    found = measure_lists(rank(tiny_dataset), tiny_dataset, "valid", 10).of_all
    n = tiny_dataset.n_items - 1
    assert found["coverage@10"] == 10 / n
    assert found["gini@10"] == pytest.approx((n - 10) / n)
    assert found["popularity_lift@10"] > 0, "most popular items first"


def test_users_of_an_item_in_training_are_counted_once(tiny_dataset):
    users = {item: set() for item in range(tiny_dataset.n_items)}
    for user in range(1, tiny_dataset.n_users):
        start, stop = tiny_dataset.user_offset[user : user + 2]
        for item in tiny_dataset.item[start : stop - 2]:
            users[item].add(user)
    found, n_users = training_users(tiny_dataset)
    assert found.tolist() == [len(users[item]) for item in range(tiny_dataset.n_items)]
    assert n_users == tiny_dataset.n_users - 1
    sealed, n_sealed = training_users(tiny_dataset.sealed())
    assert (sealed == found).all() and n_sealed == n_users
    again = replace(tiny_dataset, item=np.full_like(tiny_dataset.item, 3))
    assert training_users(again)[0][3] == n_users, "an item that a user has again and again"


def test_a_history_is_all_that_comes_before_the_target_and_nothing_else(tiny_dataset, split):
    values = np.random.default_rng(0).integers(0, 9, tiny_dataset.n_items)
    positions = tiny_dataset.positions(split)
    means = history_means(values, tiny_dataset, positions)
    for position, mean in zip(positions, means, strict=True):
        start = tiny_dataset.user_offset[tiny_dataset.users(np.array([position]))[0]]
        assert mean == pytest.approx(values[tiny_dataset.item[start:position]].mean())


def test_what_mask_seen_left_out_counts_nowhere(tiny_dataset):
    """Of 30 items the longest histories leave fewer than 30 to recommend."""
    ranking = rank(tiny_dataset, mask_seen=True)
    assert np.isinf(ranking.top_scores).any()
    found = measure_lists(ranking, tiny_dataset, "valid", 50)
    item_users, n_users = training_users(tiny_dataset)
    bits = np.log2(n_users / np.maximum(item_users, 1))
    count = Counter()
    for row in range(len(ranking.positions)):
        items = ranking.top_items[row][np.isfinite(ranking.top_scores[row])]
        assert found.of_users["novelty"][row] == pytest.approx(bits[items].mean(), rel=1e-6)
        count.update(items.tolist())
    assert found.of_all["coverage@50"] == len(count) / (tiny_dataset.n_items - 1)
    assert found.mask_seen


def test_a_data_set_without_features_has_the_other_measures(tiny_dataset):
    bare = replace(tiny_dataset, features={}, attributes=None, modalities=("item",))
    assert list(measure_lists(rank(bare), bare, "valid", 10).of_users) == ["novelty", "popularity_lift"]


def test_where_no_item_has_a_category_there_is_no_diversity_and_that_is_json(tiny_dataset, tmp_path):
    bare = replace(tiny_dataset, attributes=np.zeros_like(tiny_dataset.attributes))
    ranking = rank(bare)
    found = measure_lists(ranking, bare, "valid", 10)
    assert found.of_all["diversity_categories@10"] is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["measures"]["diversity_categories@10"] is None
    write_recommendations(ranking, bare, tmp_path / "r.parquet", found)
    assert pq.read_table(tmp_path / "r.parquet").column("diversity_categories").null_count == len(ranking.positions)


def test_the_file_has_each_users_values_beside_the_lists_they_are_of(tiny_dataset, tmp_path):
    ranking = rank(tiny_dataset, scorer=lambda batch: torch.rand(len(batch.target), tiny_dataset.n_items))
    found = measure_lists(ranking, tiny_dataset, "valid", 10)
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet", found)
    table = pq.read_table(tmp_path / "r.parquet")
    assert json.loads(table.schema.metadata[b"beyond_accuracy"]) == found.to_json()
    item_users, n_users = training_users(tiny_dataset)
    of_token = dict(zip(tiny_dataset.item_tokens.tolist(), item_users.tolist(), strict=True))
    assert table.column("novelty").to_pandas().nunique() > 20
    for row in table.to_pylist():
        bits = [np.log2(n_users / max(of_token[item], 1)) for item in row["items"][:10]]
        assert row["novelty"] == pytest.approx(np.mean(bits), rel=1e-6)
