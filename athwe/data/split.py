"""Leave-one-out: each user's last target is for test, the last but one for validation, the rest for training."""

from typing import Literal

import numpy as np
from jaxtyping import Int64

Split = Literal["train", "valid", "test"]


def count_preceding(user_offset: Int64[np.ndarray, " users_and_one"]) -> Int64[np.ndarray, " interactions"]:
    """How many interactions of the same user lie before each interaction.

    >>> count_preceding(np.array([0, 0, 3, 5]))
    array([0, 1, 2, 0, 1])
    """
    return np.arange(user_offset[-1]) - np.repeat(user_offset[:-1], np.diff(user_offset))


def target_positions(
    user_offset: Int64[np.ndarray, " users_and_one"], split: Split, is_sealed: bool = False
) -> Int64[np.ndarray, " targets"]:
    """Positions of a split's targets among the sorted interactions. A user's first interaction is never a target.

    Args:
        user_offset: where each user's interactions begin.
        split: whose targets.
        is_sealed: the interactions lack every test target, so what is a user's last one now was the last but one.

    >>> offsets = np.array([0, 0, 5, 7])  # user 1 has five interactions, user 2 has two
    >>> [target_positions(offsets, split).tolist() for split in ("train", "valid", "test")]
    [[1, 2], [3], [4, 6]]
    >>> sealed = np.array([0, 0, 4, 5])
    >>> [target_positions(sealed, split, is_sealed=True).tolist() for split in ("train", "valid", "test")]
    [[1, 2], [3], []]
    """
    following = np.repeat(user_offset[1:], np.diff(user_offset)) - np.arange(user_offset[-1]) - 1 + is_sealed
    in_split = {"train": following >= 2, "valid": following == 1, "test": following == 0}[split]
    return np.flatnonzero(in_split & (count_preceding(user_offset) > 0))
