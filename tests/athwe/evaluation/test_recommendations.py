from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from athwe.evaluation.list_measures import measure_lists
from athwe.evaluation.ranking import rank_targets
from athwe.evaluation.recommendations import _lists, write_histories, write_items, write_recommendations
from dashboard import results
from dashboard.slicing import Categories


@pytest.fixture
def ranking(tiny_dataset):
    scores = torch.randn(tiny_dataset.n_items, generator=torch.Generator().manual_seed(1))
    positions = tiny_dataset.positions("valid")
    return rank_targets(
        lambda batch: scores.repeat(len(batch.target), 1), tiny_dataset, positions, batch_size=16, mask_seen=True
    )


def test_recommendations_are_in_external_ids_and_sorted_by_user(tiny_dataset, ranking, tmp_path):
    write_recommendations(ranking, tiny_dataset, tmp_path / "new" / "r.parquet")
    frame = pq.read_table(tmp_path / "new" / "r.parquet").to_pandas()
    assert frame["user"].is_monotonic_increasing
    assert len(frame) == tiny_dataset.n_users - 1
    row = frame.set_index("user").loc["u3"]
    user = tiny_dataset.user_tokens.tolist().index("u3")
    start, stop = tiny_dataset.user_offset[user : user + 2]
    assert row["history_end"] == stop - start - 2
    assert row["target"] == tiny_dataset.item_tokens[tiny_dataset.item[stop - 2]]
    if row["target"] in row["items"]:
        assert row["items"].tolist().index(row["target"]) + 1 <= row["target_rank"]
    assert len(row["items"]) == len(row["scores"])
    assert (np.diff(row["scores"]) <= 0).all()


@pytest.mark.parametrize("split", ["valid", "test"])
def test_gap_and_popularity_of_the_target_are_exact(tiny_dataset, tmp_path, split):
    held_out = {*tiny_dataset.positions("valid"), *tiny_dataset.positions("test")}
    training = Counter(item for position, item in enumerate(tiny_dataset.item) if position not in held_out)
    positions = tiny_dataset.positions(split)
    ranking = rank_targets(
        lambda batch: torch.rand(len(batch.target), tiny_dataset.n_items),
        tiny_dataset, positions, batch_size=16, mask_seen=False,
    )  # fmt: skip
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet")
    rows = pq.read_table(tmp_path / "r.parquet").to_pandas().set_index("user")
    assert len(rows) == len(positions)
    for position, user in zip(positions, tiny_dataset.users(positions), strict=True):
        row = rows.loc[tiny_dataset.user_tokens[user]]
        before = tiny_dataset.user_offset[user] + row["history_end"] - 1
        assert row["last_gap_seconds"] == tiny_dataset.timestamp[position] - tiny_dataset.timestamp[before] > 0
        assert row["target_popularity"] == training[tiny_dataset.item[position]]


def test_a_sealed_data_set_writes_the_same_file(tiny_dataset, ranking, tmp_path):
    sealed = tiny_dataset.sealed()
    write_recommendations(ranking, tiny_dataset, tmp_path / "whole.parquet")
    write_recommendations(replace(ranking, positions=sealed.positions("valid")), sealed, tmp_path / "sealed.parquet")
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "sealed.parquet").read_bytes()


def test_millions_of_strings_become_lists():
    """pyarrow makes several arrays of so many, and lists can be made of one only."""
    count, tokens = 60_000, np.array([f"B{item:09d}" for item in range(5)])
    assert isinstance(pa.array(np.tile(tokens, 10 * count)), pa.ChunkedArray), "too few to show it"
    found = _lists(np.tile(tokens, 10 * count), np.full(count, 50))
    assert len(found) == count and found[count - 1].as_py() == 10 * tokens.tolist()


def test_masked_items_are_not_written_as_recommendations(tiny_dataset, ranking, tmp_path):
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet")
    write_histories(tiny_dataset, tmp_path / "h.parquet")
    recommended = pq.read_table(tmp_path / "r.parquet").to_pandas().set_index("user")
    histories = pq.read_table(tmp_path / "h.parquet").to_pandas().set_index("user")
    for user, row in recommended.iterrows():
        seen = set(histories.loc[user, "items"][: row["history_end"]]) - {row["target"]}
        assert not seen & set(row["items"])
        assert np.isfinite(row["scores"]).all()


def test_the_file_says_which_mask_seen_mode_it_holds(tiny_dataset, ranking, tmp_path):
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet")
    assert pq.read_schema(tmp_path / "r.parquet").metadata[b"mask_seen"] == b"true"


def test_histories_end_before_the_test_target(tiny_dataset, tmp_path):
    write_histories(tiny_dataset, tmp_path / "h.parquet")
    frame = pq.read_table(tmp_path / "h.parquet").to_pandas()
    assert frame["items"].map(len).sum() == len(tiny_dataset.item) - (tiny_dataset.n_users - 1)
    row = frame.set_index("user").loc["u5"]
    user = tiny_dataset.user_tokens.tolist().index("u5")
    start, stop = tiny_dataset.user_offset[user : user + 2]
    assert row["items"].tolist() == tiny_dataset.item_tokens[tiny_dataset.item[start : stop - 1]].tolist()
    assert row["timestamps"].tolist() == tiny_dataset.timestamp[start : stop - 1].tolist()


def test_items_keep_the_order_of_internal_ids(tiny_dataset, tmp_path):
    write_items(tiny_dataset, tmp_path / "i.parquet")
    frame = pq.read_table(tmp_path / "i.parquet").to_pandas()
    assert frame["item_id"].tolist() == tiny_dataset.item_tokens[1:].tolist()
    assert {"title", "categories", "image"} <= set(frame.columns)


def test_the_dashboard_reads_all_users_and_slices_them(tiny_dataset, ranking, tmp_path):
    measures = measure_lists(ranking, tiny_dataset, "valid", 10)
    write_recommendations(ranking, tiny_dataset, tmp_path / "r.parquet", measures)
    assert results.list_measures(str(tmp_path / "r.parquet")) == measures.to_json()
    write_items(
        replace(tiny_dataset, items=tiny_dataset.items.assign(categories="Home Kitchen")), tmp_path / "i.parquet"
    )
    users = results.all_users(str(tmp_path / "r.parquet"))
    assert users.column_names == list(results.USER_COLUMNS) and len(users) == len(ranking.positions)
    assert users.column("target_popularity").to_pylist() == [
        int(tiny_dataset.training_counts()[tiny_dataset.item_tokens.tolist().index(target)])
        for target in users.column("target").to_pylist()
    ]
    found = Categories.of(users, results.item_categories(str(tmp_path / "i.parquet")))
    assert found.counts() == {"Home": len(users), "Kitchen": len(users)}


def test_the_dashboard_reads_what_is_written(tiny_dataset, tmp_path):
    named = tiny_dataset.items.assign(categories="Home Kitchen", title="Pan $x$")
    write_items(replace(tiny_dataset, items=named), tmp_path / "data" / tiny_dataset.fingerprint / "items.parquet")
    study = {"storage_path": str(tmp_path), "data_fingerprint": tiny_dataset.fingerprint, "dataset_folder": ""}
    shown = results.items(results.items_path(study), ("i3",)).loc["i3"]
    assert (shown["title"], shown["categories"]) == ("Pan $x$", ["Home", "Kitchen"])
