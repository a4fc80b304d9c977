"""What becomes of interactions that people judge differently: impossible times, repetitions. Pure rules."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool

from athwe.errors import DataError
from athwe.prepare.log import Log

DAY_SECONDS = 86_400

BadTimes = Literal["drop", "keep", "refuse"]
SameDay = Literal["keep", "first"]
Duplicates = Literal["keep", "first", "last"]
WithoutMetadata = Literal["keep", "drop"]


@dataclass(frozen=True)
class Policies:
    """One choice for each."""

    bad_times: BadTimes = "drop"
    """Times of zero, and those after now by more than a day. Negative ones are never kept: a `.inter` has none."""
    same_day: SameDay = "keep"
    """A user's further interactions with the same item within one day (UTC): keep them, or the first of each day."""
    duplicates: Duplicates = "keep"
    """A user's interactions with the same item at any time: keep all, or the first or the last by time."""
    without_metadata: WithoutMetadata = "keep"
    """Items that the source says nothing of: keep them, without features, or drop their interactions."""


@dataclass(frozen=True)
class Found:
    """How many interactions a rule applied to, whether they were dropped or kept."""

    bad_times: int
    same_day: int
    duplicates: int
    tied: int
    """Interactions with the same second as another of their user: their order is that of the file."""


def apply_policies(log: Log, policies: Policies, now_seconds: float) -> tuple[Log, Found]:
    """The interactions that stay, in the same order, and what was found.

    Raises:
        DataError: bad times, where these are refused; or there is nothing, or nothing is left.
    """
    if not len(log):
        raise DataError("the source has no interactions")
    bad = (log.timestamp <= 0) | (log.timestamp > now_seconds + DAY_SECONDS)
    if policies.bad_times == "refuse" and bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{bad.sum():,} of {len(log):,} interactions have an impossible time, the first is {log.timestamp[row]} of "
            f"user {log.users[log.user[row]]!r}; --bad-times drop leaves them out"
        )
    kept = log.take(log.timestamp >= 0 if policies.bad_times == "keep" else ~bad)
    same_day = _repeats(kept, "first", DAY_SECONDS)
    if policies.same_day == "first":
        kept = kept.take(~same_day)
    again = _repeats(kept, "last" if policies.duplicates == "last" else "first")
    if policies.duplicates != "keep":
        kept = kept.take(~again)
    if not len(kept):
        raise DataError(
            f"of {len(log):,} interactions none is left: all have an impossible time (--bad-times {policies.bad_times})"
        )
    return kept, Found(int(bad.sum()), int(same_day.sum()), int(again.sum()), _tied(kept))


def _repeats(log: Log, kept: Literal["first", "last"], within_seconds: int | None = None) -> Bool[np.ndarray, " rows"]:
    """Interactions of a user with an item that are not the first, or last, by time; of equal times the file's order."""
    pair = log.user * np.int64(len(log.items)) + log.item
    order = np.lexsort((log.timestamp, pair))  # stable
    follows = pair[order][1:] == pair[order][:-1]
    if within_seconds:
        period = log.timestamp[order] // within_seconds
        follows &= period[1:] == period[:-1]
    repeated = np.zeros(len(log), dtype=bool)
    repeated[order[1:] if kept == "first" else order[:-1]] = follows
    return repeated


def _tied(log: Log) -> int:
    order = np.lexsort((log.timestamp, log.user))
    user, timestamp = log.user[order], log.timestamp[order]
    follows = (user[1:] == user[:-1]) & (timestamp[1:] == timestamp[:-1])
    return int((np.append(follows, False) | np.append(False, follows)).sum())
