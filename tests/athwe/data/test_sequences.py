import warnings

import numpy as np
import pytest
import torch
from data_files import random_log, write_interactions

from athwe.data import Dataset


@pytest.fixture
def dataset(folder, load) -> Dataset:
    write_interactions(folder, random_log())
    return load(MAX_ITEM_LIST_LENGTH=7)


def plain_rows(dataset: Dataset, split: str):
    """Targets with their histories by the words of the protocol, one after the other."""
    for user in range(1, dataset.n_users):
        start, end = dataset.user_offset[user : user + 2].tolist()
        targets = range(start + 1, end)
        chosen = {"train": targets[:-2], "valid": targets[-2:-1], "test": targets[-1:]}[split]
        for target in chosen:
            first = max(start, target - dataset.max_length)
            yield user, target, list(range(first, target))


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_split_equals_a_plain_loop(dataset, split):
    positions = dataset.positions(split)
    batch, rows = dataset.batch(positions), list(plain_rows(dataset, split))
    assert dataset.users(positions).tolist() == [user for user, _, _ in rows]
    assert batch.target.tolist() == [dataset.item[target] for _, target, _ in rows]
    assert batch.length.tolist() == [len(history) for _, _, history in rows]
    for sequence, column in ((batch.item_sequence, dataset.item), (batch.timestamp, dataset.timestamp)):
        padded = [column[history].tolist() + [0] * (7 - len(history)) for _, _, history in rows]
        assert sequence.tolist() == padded


def test_a_batch_has_no_padding_that_all_share(dataset):
    positions = dataset.positions("train")
    whole = dataset.batch(positions)
    chosen = np.flatnonzero(whole.length.numpy() <= 4)[:16]
    batch = dataset.batch(positions[chosen])
    width = whole.length[chosen].max()
    assert width < whole.item_sequence.shape[1]
    assert batch.item_sequence.tolist() == whole.item_sequence[chosen, :width].tolist()
    assert batch.timestamp.tolist() == whole.timestamp[chosen, :width].tolist()
    assert batch.length.tolist() == whole.length[chosen].tolist()
    assert batch.target.tolist() == whole.target[chosen].tolist()


def test_a_batch_moves_as_a_whole(dataset):
    batch = dataset.batch(dataset.positions("test"))
    assert {tensor.device.type for tensor in vars(batch.to("meta")).values()} == {"meta"}


def test_read_only_arrays_serve_without_a_warning(dataset):
    for array in (dataset.item, dataset.timestamp, dataset.preceding, dataset.user_offset):
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = dataset.batch(dataset.positions("train"))
        dataset.seen(dataset.positions("train"))
    batch.item_sequence.add_(1)  # the batch's own memory
    assert dataset.batch(dataset.positions("train")).item_sequence.dtype == torch.int64


def test_seen_is_the_whole_history_but_never_the_target(dataset):
    positions = dataset.positions("test")
    row, item = dataset.seen(positions)
    assert dataset.preceding[positions].max() > dataset.max_length
    for number, position in enumerate(positions.tolist()):
        history = dataset.item[position - dataset.preceding[position] : position].tolist()
        target = dataset.item[position]
        assert item[row == number].tolist() == [other for other in history if other != target]


def test_seen_of_nothing_but_the_target_is_empty(folder, load):
    write_interactions(folder, [("a", "x", time) for time in range(5)])
    dataset = load()
    row, item = dataset.seen(dataset.positions("train"))
    assert (len(row), len(item)) == (0, 0)
