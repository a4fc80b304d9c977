import doctest

import numpy as np
import pytest

from athwe import errors, split_config
from athwe.data import interactions, sequences, split
from athwe.data.split import target_positions


@pytest.mark.parametrize("module", [errors, interactions, sequences, split, split_config])
def test_the_examples_in_the_docstrings_hold(module):
    failed, tried = doctest.testmod(module, extraglobs={"np": np})
    assert (failed, tried > 0) == (0, True)


def test_splits_share_every_interaction_but_each_users_first():
    offset = np.array([0, 0, 1, 3, 6, 11])  # users with 1, 2, 3 and 5 interactions
    found = np.concatenate([target_positions(offset, name) for name in ("train", "valid", "test")])
    assert sorted(found.tolist()) == [2, 4, 5, 7, 8, 9, 10]


def test_each_user_has_one_test_target_the_latest():
    offset = np.array([0, 0, 4, 9])
    assert target_positions(offset, "test").tolist() == [3, 8]
    assert target_positions(offset, "valid").tolist() == [2, 7]
