"""A sealed data set: what training and validation see of it is the same, and of test there is nothing."""

import pickle

import numpy as np
import pytest
import torch
from data_files import random_log, write_interactions

from athwe.data import Dataset
from athwe.errors import SealedError
from athwe.evaluation.recommendations import write_histories
from athwe.training.negatives import NegativeSampler

SECRET_SECONDS = 7_000_000_000
"""Time of each user's last interaction, plus the user's number; nothing else in the log is as late."""


@pytest.fixture
def dataset(folder, load) -> Dataset:
    """Users with 1, 2, 3, … 12 interactions, each of whose last one is with an item that nobody else has."""
    rows = [(f"u{user}", f"i{(user * 5 + step) % 17}", 100 * step) for user in range(12) for step in range(user)]
    rows += [(f"u{user}", f"secret{user}", SECRET_SECONDS + user) for user in range(12)]
    write_interactions(folder, rows)
    return load()


def kept_positions(dataset: Dataset) -> np.ndarray:
    """Where each interaction of the sealed data set stands in the whole one."""
    return np.setdiff1d(np.arange(len(dataset.item)), dataset.positions("test"))


def test_no_array_of_a_sealed_data_set_holds_a_test_interaction(dataset: Dataset):
    sealed, test = dataset.sealed(), dataset.positions("test")
    secret_items, secret_times = set(dataset.item[test].tolist()), set(dataset.timestamp[test].tolist())
    assert len(secret_items) == len(secret_times) == 11, "all users but the one with a single interaction"
    whole = {name: value for name, value in vars(sealed).items() if isinstance(value, np.ndarray)}
    for name, array in whole.items():
        assert array.base is None or len(array.base) == len(array), f"{name} is a view of a larger array"
        if array.dtype == np.int64 and len(array) == len(sealed.item):
            assert not secret_times & set(array.tolist()), name
    assert not secret_items & set(sealed.item.tolist())
    assert len(sealed.item) == len(sealed.timestamp) == len(sealed.preceding) == sealed.user_offset[-1]
    assert len(sealed.item) == len(dataset.item) - 11
    travelled = pickle.dumps(sealed)  # what Ray's object store is given
    assert not any(int(time).to_bytes(8, "little") in travelled for time in secret_times)
    assert any(int(time).to_bytes(8, "little") in pickle.dumps(dataset) for time in secret_times)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_training_and_validation_are_what_they_were(dataset: Dataset, split):
    sealed, kept = dataset.sealed(), kept_positions(dataset)
    positions = sealed.positions(split)
    assert len(positions) > 0
    assert kept[positions].tolist() == dataset.positions(split).tolist()
    assert sealed.users(positions).tolist() == dataset.users(kept[positions]).tolist()
    for mine, theirs in zip(sealed.seen(positions), dataset.seen(kept[positions]), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mine, theirs = sealed.batch(positions), dataset.batch(kept[positions])
    assert all(value.equal(getattr(theirs, name)) for name, value in vars(mine).items())


def test_the_splits_of_a_random_log_are_mapped(folder, load):
    write_interactions(folder, random_log())
    dataset = load()
    sealed, kept = dataset.sealed(), kept_positions(dataset)
    for split in ("train", "valid"):
        assert kept[sealed.positions(split)].tolist() == dataset.positions(split).tolist()
    np.testing.assert_array_equal(sealed.preceding, dataset.preceding[kept])


def test_looking_at_test_is_refused_in_one_line(dataset: Dataset):
    with pytest.raises(SealedError, match="tuning/finalize.py") as error:
        dataset.sealed().positions("test")
    assert "\n" not in str(error.value)
    assert len(dataset.positions("test")) == 11, "sealing changed the data set that was sealed"


def test_identity_and_catalogue_stay(dataset: Dataset):
    sealed = dataset.sealed()
    assert (sealed.fingerprint, sealed.n_users, sealed.n_items) == (
        dataset.fingerprint,
        dataset.n_users,
        dataset.n_items,
    )
    assert sealed.items is dataset.items and sealed.features is dataset.features
    assert sealed.feature_digests is dataset.feature_digests
    assert sealed.sealed() is sealed


def test_popularity_and_negatives_count_the_same(dataset: Dataset):
    assert dataset.sealed().training_counts().tolist() == dataset.training_counts().tolist()
    one, other = (NegativeSampler(each, 50, torch.Generator().manual_seed(1)) for each in (dataset, dataset.sealed()))
    drawn, again = one.draw(), other.draw()
    assert drawn.item.equal(again.item) and drawn.log_expected.equal(again.log_expected)


def test_histories_are_the_same_file(dataset: Dataset, tmp_path):
    write_histories(dataset, tmp_path / "one.parquet")
    write_histories(dataset.sealed(), tmp_path / "other.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
