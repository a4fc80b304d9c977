"""Stored trials by slice, with differences worked out by hand and by scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from athwe.evaluation_config import EvaluationConfig
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.findings.by_slice import compare, read_items, read_ranks

USERS = pd.DataFrame(
    {"history_end": [3, 4, 5, 60], "target": ["i", "j", "i", "k"], "3": [1, 2, 11, 1], "7": [2, 1, 1, 11]},
    index=["a", "b", "c", "d"],
)
ITEMS = pd.DataFrame({"item_id": ["i", "j", "k"], "categories": [["Pan"], ["Pan", "Jar"], []]})


def test_a_slice_has_its_users_means_and_paired_differences():
    rows = {row.label: row for row in compare(USERS, ITEMS, [3, 7], "mrr@10", EvaluationConfig())}
    assert {label: row.users for label, row in rows.items()} == {
        "all users": 4, "up to 5 items": 3, "over 50": 1, "Pan": 3, "Jar": 1,
    }  # fmt: skip
    one, other = np.array([1, 1 / 2, 0]), np.array([1 / 2, 1, 1])
    cell, interval = rows["up to 5 items"].cells[7], ttest_rel(other, one).confidence_interval(0.95)
    assert cell.mean == pytest.approx(other.mean()) and cell.difference == pytest.approx((other - one).mean())
    assert (cell.low, cell.high) == pytest.approx((interval.low, interval.high))
    assert np.isnan(rows["up to 5 items"].cells[3].difference) and np.isnan(rows["over 50"].cells[7].low)
    assert rows["over 50"].worst_of == (7,) and rows["over 50"].plain()["cells"][7]["low"] is None
    assert sum(3 in row.worst_of for row in rows.values()) == 1 == sum(7 in row.worst_of for row in rows.values())


def test_only_the_families_of_the_configuration_may_be_the_worst():
    config = EvaluationConfig(worst_slice_families=("category",))
    rows = {row.label: row for row in compare(USERS, ITEMS, [7], "recall@10", config)}
    assert rows["over 50"].worst_of == () and rows["over 50"].cells[7].mean == 0


def test_a_trial_without_results_is_named(tmp_path):
    with pytest.raises(SearchError, match="trial 5 has no per-user results"):
        read_ranks(Storage.at(str(tmp_path)), "study", [5])


def test_a_file_that_is_none_of_ours_is_named(tmp_path):
    (tmp_path / "recommendations").mkdir()
    (tmp_path / "recommendations" / "s.3.parquet").write_bytes(b"junk")
    with pytest.raises(SearchError, match=r"cannot read recommendations/s\.3\.parquet in .*: Parquet file size"):
        read_ranks(Storage.at(str(tmp_path)), "s", [3])
    ITEMS.to_parquet(tmp_path / "recommendations" / "s.3.parquet")
    with pytest.raises(
        SearchError, match=r"cannot read recommendations/s\.3\.parquet .*: it has no column target_rank"
    ):
        read_ranks(Storage.at(str(tmp_path)), "s", [3])


def test_items_that_cannot_be_read_are_named_and_need_not_be_there(tmp_path):
    storage = Storage.at(str(tmp_path))
    assert read_items(storage, "f") is None
    (tmp_path / "data" / "f").mkdir(parents=True)
    path = tmp_path / "data" / "f" / "items.parquet"
    ITEMS.to_parquet(path)
    assert read_items(storage, "f")["item_id"].tolist() == ["i", "j", "k"]  # type: ignore[index]
    path.write_bytes(b"junk")
    with pytest.raises(SearchError, match=r"cannot read data/f/items\.parquet in .*; delete it"):
        read_items(storage, "f")


def test_a_results_file_that_was_taken_away_is_told_from_a_trial_without_a_best_epoch(tmp_path):
    with pytest.raises(
        SearchError, match="trial 5 has no per-user results in .*: it has had no best epoch, or they are"
    ):
        read_ranks(Storage.at(str(tmp_path)), "study", [5])
