"""`split: time`: one cut for all users, nothing from after it in training or in a history."""

import numpy as np
import pytest
from data_files import random_log, write_interactions
from hypothesis import given, settings
from hypothesis import strategies as st

from athwe.config import Config
from athwe.config_files import build_config, override_config, parse_override
from athwe.data.interactions import Interactions
from athwe.data.split import TimeCut, count_preceding, moment, target_positions_in_time
from athwe.data.time_leak import training_after_test
from athwe.errors import ConfigError, DataError, SealedError
from athwe.evaluation.list_measures import training_users
from athwe.evaluation.recommendations import write_histories

LOG = [  # valid from 50, test from 80
    *(("a", item, time) for item, time in zip("xyzwxy", (10, 20, 50, 60, 80, 90), strict=True)),
    *(("b", item, time) for item, time in zip("xyz", (10, 49, 85), strict=True)),  # nothing to validate
    *(("c", item, time) for item, time in zip("zwx", (55, 60, 81), strict=True)),  # new after the first cut
    *(("d", item, time) for item, time in zip("xy", (85, 95), strict=True)),  # new after the second one
    *(("e", item, time) for item, time in zip("wz", (30, 79), strict=True)),  # nothing to test
]
CUT = {"split": "time", "valid_from": "1970-01-01T00:00:50", "test_from": "1970-01-01T00:01:20"}


@pytest.fixture
def dataset(folder, load):
    write_interactions(folder, LOG)
    return load(**CUT)


def targets(dataset, split):
    """(user, item, time) of a split's targets."""
    position = dataset.positions(split)
    users, items = dataset.user_tokens[dataset.users(position)], dataset.item_tokens[dataset.item[position]]
    return list(zip(users.tolist(), items.tolist(), dataset.timestamp[position].tolist(), strict=True))


def test_each_user_has_the_first_target_after_each_cut_that_has_a_history_before_it(dataset):
    assert targets(dataset, "train") == [("a", "y", 20), ("b", "y", 49)]
    assert targets(dataset, "valid") == [("a", "z", 50), ("e", "z", 79)]
    assert targets(dataset, "test") == [("a", "x", 80), ("b", "z", 85), ("c", "x", 81)]


def test_histories_of_test_hold_what_lies_between_the_cuts(dataset):
    batch = dataset.batch(dataset.positions("test"))
    assert batch.timestamp[0, :4].tolist() == [10, 20, 50, 60]
    assert batch.length.tolist() == [4, 2, 2]


def test_training_counts_only_what_lies_before_the_cut(dataset):
    counts = dict(zip(dataset.item_tokens.tolist(), dataset.training_counts().tolist(), strict=True))
    assert counts == {"[PAD]": 0, "x": 2, "y": 2, "z": 0, "w": 1}
    item_users, n_users = training_users(dataset)
    assert (item_users.tolist(), n_users) == ([0, 2, 2, 0, 1], 3)


def test_a_sealed_data_set_has_nothing_from_the_cut_on(dataset, tmp_path):
    sealed = dataset.sealed()
    assert sealed.timestamp.max() < dataset.cut.test_from
    assert len(sealed.item) == len(sealed.preceding) == sealed.user_offset[-1] == 10
    with pytest.raises(SealedError):
        sealed.positions("test")
    for split in ("train", "valid"):
        assert targets(sealed, split) == targets(dataset, split)
    assert sealed.fingerprint == dataset.fingerprint
    assert training_users(sealed)[0].tolist() == training_users(dataset)[0].tolist()
    for name, each in (("one", dataset), ("other", sealed)):
        write_histories(each, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_what_mask_seen_leaves_out_lies_before_the_cut(dataset):
    for split, cut in (("valid", dataset.cut.valid_from), ("test", dataset.cut.test_from)):
        position = dataset.positions(split)
        row, item = dataset.seen(position)
        assert len(row) > 0
        for place, user in enumerate(dataset.users(position).tolist()):
            mine = slice(*dataset.user_offset[user : user + 2])
            before = dataset.item[mine][dataset.timestamp[mine] < cut]
            assert set(item[row == place].tolist()) == set(before.tolist()) - {int(dataset.item[position[place]])}


def test_splits_have_different_fingerprints_and_leave_one_out_the_one_of_old(folder, load):
    write_interactions(folder, LOG)
    found = [load(), load(**CUT), load(**CUT | {"test_from": "1970-01-01T00:01:21"})]
    assert len({each.fingerprint for each in found}) == 3
    assert load(split="leave_one_out").fingerprint == found[0].fingerprint


def test_shares_are_of_all_interactions_in_time():
    times = np.array([50, 10, 40, 20, 30, 30, 30, 60, 70, 80])
    assert moment(0.8, times) == 70 and moment(0.85, times) == 70
    assert moment(0.5, times) == 40 and moment(0.4, times) == 30, "interactions at the cut lie after it, all of them"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valid_from": 0.95}, "must be below test_from"),
        ({"valid_from": "2031-01-01"}, "needs valid_from before test_from|leaves no target"),
        (
            {"valid_from": 0.8, "test_from": "2031-01-01"},
            "leaves no target for test .*are from 1970-01-01 to 1970-01-01",
        ),
        ({"valid_from": "1970-01-01"}, "leaves no target for train"),
    ],
)
def test_cuts_that_leave_nothing_are_refused_in_one_line(folder, load, changes, message):
    write_interactions(folder, LOG)
    with pytest.raises((DataError, ValueError), match=message) as error:
        load(split="time", **changes)
    assert "\n" not in str(error.value) or not isinstance(error.value, DataError)


EARLY = "valid_from=0001-01-01T00:00:00+14:00"
"""YAML reads it as a time, in UTC of the year 0, which Python has no name for."""


@pytest.mark.parametrize(
    "text", ["valid_from=1.5", "valid_from=0", "valid_from=never", "valid_from=true", "valid_from=", EARLY]
)
def test_what_is_no_cut_is_refused(text):
    with pytest.raises(ConfigError, match="valid_from.*a date such as 2014-05-01"):
        build_config({"split": "time"} | parse_override(text))


def test_cuts_without_the_split_are_refused_and_dates_survive_storing():
    with pytest.raises(ConfigError, match="belong to split: time"):
        build_config({"valid_from": 0.5})
    config = build_config({"split": "time"} | parse_override("valid_from=2014-05-01") | parse_override("test_from=0.9"))
    assert (config.valid_from, config.test_from) == ("2014-05-01", 0.9)
    assert Config.model_validate_json(config.model_dump_json()) == config == override_config(config, {})
    assert config.protocol == "split time valid_from 2014-05-01 test_from 0.9, mask_seen false"


def test_other_protocols_of_published_files_are_refused_still_with_the_way_out():
    with pytest.raises(ConfigError, match="eval_args.split.*set split: time"):
        build_config({"split": "time", "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}}})


def test_how_much_of_training_comes_after_test_is_counted(folder, load):
    rows = [("a", "x", 1), ("a", "y", 2), ("a", "z", 3), ("a", "w", 4)]  # trains on y at 2, tests w at 4
    rows += [("b", "x", 11), ("b", "y", 12), ("b", "z", 13), ("b", "w", 14), ("b", "x", 15)]  # trains at 12, 13
    write_interactions(folder, rows)
    assert training_after_test(load()) == pytest.approx((2 / 3, 2 / 3, 1 / 3))  # median of 4 and 15 is 9.5
    assert training_after_test(load(split="time", valid_from=0.4, test_from=0.6)) == (0, 0, 0)


logs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(logs, st.integers(1, 59), st.integers(1, 59))
def test_no_target_or_history_is_later_than_its_cut(log, one, other):
    user, time = np.array(sorted(log), dtype=np.int64).T
    offset = np.concatenate([[0], np.cumsum(np.bincount(user + 1, minlength=7))])
    cut = TimeCut(*sorted((one, other)))
    preceding = count_preceding(offset)
    found = {split: target_positions_in_time(preceding, time, cut, split) for split in ("train", "valid", "test")}
    for split, begin, end in (("train", 0, cut.valid_from), ("valid", cut.valid_from, cut.test_from)):
        assert ((begin <= time[found[split]]) & (time[found[split]] < end)).all()
    assert (time[found["test"]] >= cut.test_from).all()
    for split, begin in (("valid", cut.valid_from), ("test", cut.test_from)):
        assert (time[found[split] - 1] < begin).all(), "histories end before the cut"
        assert len(np.unique(user[found[split]])) == len(found[split]), "one row a user"
    assert (preceding[np.concatenate(list(found.values()))] > 0).all()
    has_history = {each for each in range(6) if (time[user == each] < cut.test_from).any()}
    is_back = {each for each in range(6) if (time[user == each] >= cut.test_from).any()}
    assert set(user[found["test"]].tolist()) == has_history & is_back


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 0.6), st.floats(0.65, 0.95))
def test_sealing_changes_neither_training_nor_validation(seed, valid_from, test_from):
    dataset = made_of(random_log(seed, n_users=12, n_rows=120), valid_from, test_from)
    sealed = dataset.sealed()
    kept = np.flatnonzero(dataset.timestamp < dataset.cut.test_from)
    for split in ("train", "valid"):
        positions = sealed.positions(split)
        assert kept[positions].tolist() == dataset.positions(split).tolist()
        assert sealed.users(positions).tolist() == dataset.users(kept[positions]).tolist()
        if len(positions):
            mine, theirs = sealed.batch(positions), dataset.batch(kept[positions])
            assert all(value.equal(getattr(theirs, name)) for name, value in vars(mine).items())
    assert sealed.training_counts().tolist() == dataset.training_counts().tolist()
    assert dataset.training_counts().sum() == (dataset.timestamp < dataset.cut.valid_from).sum()


def made_of(rows, valid_from, test_from):
    """A data set of a log, without files."""
    import pandas as pd

    from athwe.data import Dataset

    user = np.array([int(row[0][1:]) + 1 for row in rows])
    item = np.array([int(row[1][1:]) + 1 for row in rows])
    time = np.array([row[2] for row in rows])
    order = np.lexsort((time, user))
    offset = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=13))])
    interactions = Interactions(np.arange(13).astype(str), np.arange(21).astype(str), item[order], time[order], offset)
    return Dataset(
        name="made", folder="", fingerprint="made", preceding=count_preceding(offset), max_length=5,
        modalities=("item",), features={}, attributes=None, items=pd.DataFrame(),
        cut=TimeCut(moment(valid_from, time), moment(test_from, time)), **vars(interactions),
    )  # fmt: skip
