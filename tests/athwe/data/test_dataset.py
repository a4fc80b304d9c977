import dataclasses
import pickle

import numpy as np
import pytest
from data_files import ROWS, write_features, write_interactions

from athwe.data.cache import array_digest
from athwe.errors import DataError


def test_a_data_set_is_frozen(load):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().name = "other"


def test_the_same_content_has_the_same_fingerprint(load):
    assert load().fingerprint == load().fingerprint


def test_whatever_shapes_the_data_shapes_the_fingerprint(folder, load):
    found = [load().fingerprint, load(MAX_ITEM_LIST_LENGTH=3).fingerprint]
    write_interactions(folder, [*ROWS[:-1], ("b", "z", 91)])
    found.append(load().fingerprint)
    write_features(folder)
    found += [load().fingerprint, load(modalities=("item",)).fingerprint]
    (folder / "tiny.item").write_text("item_id:token\ttitle:token\nx\tNew title\n")
    found.append(load().fingerprint)
    assert len(set(found)) == len(found) - 1  # leaving txt out again is what was there before it
    assert found[2] == found[4]


def test_digests_are_those_of_the_features_even_when_these_are_replaced(folder, load):
    write_features(folder)
    dataset = load()
    other = dataclasses.replace(dataset, features={"txt": dataset.features["txt"] * 2})
    for each in (dataset, other):
        assert each.feature_digests == {"txt": array_digest(each.features["txt"])}
    assert dataset.feature_digests != other.feature_digests


def test_arrays_travel_out_of_band(folder, load):
    """What lets Ray share them without a copy: plain numeric and text arrays, no objects."""
    write_features(folder)
    dataset = load()
    arrays = [value for value in vars(dataset).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 6
    assert not any(array.dtype.hasobject for array in arrays)
    buffers = []
    pickle.dumps(dataset, protocol=5, buffer_callback=buffers.append)
    assert len(buffers) >= 6


def test_padding_has_number_0_and_no_interactions(load):
    dataset = load()
    assert (dataset.user_tokens[0], dataset.item_tokens[0]) == ("[PAD]", "[PAD]")
    assert dataset.user_offset[:2].tolist() == [0, 0]
    assert dataset.item.min() == 1
    assert (dataset.n_users, dataset.n_items) == (4, 5)


def test_histories_too_short_to_train_on_are_refused(folder, load):
    write_interactions(folder, [("a", item, 1) for item in "xyz"])
    with pytest.raises(DataError, match="4 interactions that a training sample needs"):
        load()
