"""Users of two results side by side, and the slices they fall into."""

import numpy as np
import pyarrow as pa
import pytest

from athwe.evaluation import metrics
from dashboard.slicing import SLICES, Categories, counts
from dashboard.users import differences, measure

ONE = pa.table(
    {
        "user": ["a", "b", "c", "d", "e"], "target_rank": [1, 3, 11, 2, 7], "history_end": [3, 5, 6, 60, 20],
        "target": ["i", "j", "k", "i", "?"], "last_gap_seconds": [0, 59, 60, 86400, 400 * 86400],
        "target_popularity": [0, 1, 4, 5, 5000],
    }
)  # fmt: skip
OTHER = pa.table({"user": ["a", "c", "d", "x"], "target_rank": [3, 1, 2, 1]})
SAME_USERS = pa.table({"user": ["a", "b", "c", "d", "e"], "target_rank": [1, 1, 1, 50, 7]})


@pytest.mark.parametrize("name", ["ndcg", "mrr", "recall"])
@pytest.mark.parametrize("k", [1, 10, 50])
def test_a_measure_is_the_evaluation_s_own(name, k):
    ranks = np.array([1, 2, 10, 11, 50, 51, 28_000])
    np.testing.assert_array_equal(measure(f"{name}@{k}", ranks), metrics.METRICS[name](ranks, k))


def test_the_reciprocal_rank_has_no_cutoff():
    assert measure("reciprocal rank", np.array([1, 4, 1000])).tolist() == [1.0, 0.25, 0.001]


def test_users_are_aligned_by_name_and_those_of_one_result_only_are_left_out():
    found = differences(ONE, OTHER, "ndcg@10")
    assert found.users.column("user").to_pylist() == ["a", "c", "d"]
    assert found.gain.tolist() == [0.5 - 1.0, 1.0 - 0.0, 0.0]
    assert found.summary() == {"gained": 1, "lost": 1, "same": 1, "mean": pytest.approx(0.5 / 3)}
    reverse = differences(OTHER, ONE, "ndcg@10")
    assert reverse.gain.tolist() == [0.5, -1.0, 0.0]


def test_the_most_gained_and_lost_come_first_with_both_ranks():
    found = differences(ONE, SAME_USERS, "ndcg@10")
    gained = found.most(100, 1, ["before", "after"])
    assert gained["user"].tolist() == ["c", "b"]
    assert gained[["before", "after"]].to_numpy().tolist() == [[11, 1], [3, 1]]
    assert gained["difference"].tolist() == [1.0, 0.5] and gained["history"].tolist() == [6, 5]
    lost = found.most(100, -1, ["before", "after"])
    assert lost["user"].tolist() == ["d"] and lost["difference"].tolist() == [pytest.approx(-1 / np.log2(3))]
    assert found.most(1, 1, ["before", "after"])["user"].tolist() == ["c"]


@pytest.mark.parametrize(("other", "users"), [(SAME_USERS, ["b", "d"]), (OTHER, ["d"])])
def test_a_slice_restricts_who_is_compared(other, users):
    mask = np.array([False, True, False, True, False])
    assert differences(ONE, other, "ndcg@10", mask).users.column("user").to_pylist() == users


def test_nobody_in_common_is_no_error():
    found = differences(ONE, OTHER.slice(3), "ndcg@10")
    assert found.summary()["gained"] == 0 and np.isnan(found.summary()["mean"])
    assert found.most(10, 1, ["before", "after"]).empty


@pytest.mark.parametrize(
    ("name", "bins"),
    [("length", [0, 0, 1, 4, 2]), ("gap", [0, 0, 1, 3, 6]), ("popularity", [0, 1, 1, 2, 4]), ("cold", [0, 0, 0, 1, 1])],
)
def test_each_user_is_in_one_bin_of_a_slice(name, bins):
    slices = SLICES[name]
    assert slices.of(ONE).tolist() == bins
    assert len(slices.labels) == len(slices.edges) and list(slices.edges) == sorted(slices.edges)
    counted = counts(slices.of(ONE), slices)
    assert list(counted) == list(slices.labels) and sum(counted.values()) == len(ONE)


def test_a_file_without_the_column_has_no_such_slices():
    assert SLICES["gap"].of(SAME_USERS) is None


def test_categories_are_those_of_the_target():
    items = pa.table({"item_id": ["i", "j", "k"], "categories": [["Pan", "Kitchen"], ["Kitchen"], []]})
    found = Categories.of(ONE, items)
    assert found.counts() == {"Kitchen": 3, "Pan": 2}
    assert found.mask("Pan", len(ONE)).tolist() == [True, False, False, True, False]
    assert found.mask("Kitchen", len(ONE)).tolist() == [True, True, False, True, False]
