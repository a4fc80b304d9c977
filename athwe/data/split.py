"""Which interactions train, validate and test: leave-one-out, or one cut in time for all users.

**Leave-one-out**: each user's last target is for test, the last but one for validation, the rest for training.

**Time** (`TimeCut`): all targets before `valid_from` train. A user's first interaction from `valid_from` on is its
validation target, its first one from `test_from` on its test target, if it has a history from before that cut. So a
user has one target a split at most, and no history holds anything from after its cut: what a model sees that is
trained at the cut and asked there once. (The global temporal split with `first` targets of Gusak et al., RecSys 2025;
that leave-one-out lets a model learn from the future: Ji et al., TOIS 2023.)
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class TimeCut:
    """Two moments, unix seconds; an interaction at a cut lies after it."""

    valid_from: int
    test_from: int

    def __str__(self) -> str:
        """Both, for people.

        >>> str(TimeCut(0, 86_400))
        'valid from 1970-01-01 00:00:00, test from 1970-01-02 00:00:00 UTC'
        """
        valid, test = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M:%S}" for each in vars(self).values())
        return f"valid from {valid}, test from {test} UTC"


def moment(given: float | str, timestamp: Int64[np.ndarray, " interactions"]) -> int:
    """A cut in unix seconds: of a date, or the earliest so that at most a share of the interactions lies before it.

    >>> moment(0.5, np.array([40, 10, 20, 30])), moment("1970-01-02", np.array([40]))
    (30, 86400)
    """
    if isinstance(given, str):
        parsed = datetime.fromisoformat(given)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    place = int(given * len(timestamp))
    return int(np.partition(timestamp, place)[place])


def count_preceding(user_offset: Int64[np.ndarray, " users_and_one"]) -> Int64[np.ndarray, " interactions"]:
    """How many interactions of the same user lie before each interaction.

    >>> count_preceding(np.array([0, 0, 3, 5]))
    array([0, 1, 2, 0, 1])
    """
    return np.arange(user_offset[-1]) - np.repeat(user_offset[:-1], np.diff(user_offset))


def target_positions(
    user_offset: Int64[np.ndarray, " users_and_one"], split: Split, is_sealed: bool = False
) -> Int64[np.ndarray, " targets"]:
    """Positions of leave-one-out's targets among the sorted interactions. A user's first one is never a target.

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


def target_positions_in_time(
    preceding: Int64[np.ndarray, " interactions"],
    timestamp: Int64[np.ndarray, " interactions"],
    cut: TimeCut,
    split: Split,
) -> Int64[np.ndarray, " targets"]:
    """Positions of the targets of a split by time; the same where the interactions from `test_from` on are missing.

    >>> preceding = np.array([0, 1, 2, 3, 4, 0, 1])  # the users of `target_positions`
    >>> times = np.array([1, 2, 5, 6, 9, 3, 9])
    >>> cut = TimeCut(5, 8)
    >>> [target_positions_in_time(preceding, times, cut, name).tolist() for name in ("train", "valid", "test")]
    [[1], [2], [4, 6]]
    """
    if split == "train":
        return np.flatnonzero((preceding > 0) & (timestamp < cut.valid_from))
    if split == "valid":
        return np.flatnonzero(_first_from(cut.valid_from, preceding, timestamp) & (timestamp < cut.test_from))
    return np.flatnonzero(_first_from(cut.test_from, preceding, timestamp))


def _first_from(
    moment: int, preceding: Int64[np.ndarray, " interactions"], timestamp: Int64[np.ndarray, " interactions"]
) -> Bool[np.ndarray, " interactions"]:
    """Which interactions are the first of their user from a moment on, of users that have earlier ones."""
    return (preceding > 0) & (timestamp >= moment) & (np.roll(timestamp, 1) < moment)
