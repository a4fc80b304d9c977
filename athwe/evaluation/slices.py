"""For whom a model is good: users cut into slices, every metric in each (`docs/evaluation.md`). Pure functions.

The dashboard has the same edges in `dashboard/users.py`, which may not import this; a test holds the two together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from athwe.evaluation.metrics import METRICS, Ranks, values_of

COLD_BELOW = 5
"""A target that occurs in training less often is a cold item; with 0 it was never seen."""
MAX_CATEGORIES = 20
"""Categories that make a slice, those with the most users."""
CATEGORY = "category"
_DAY = 86400


@dataclass(frozen=True)
class Family:
    """How a number that is known of each user is cut: bin i holds the values from `edges[i]` to below `edges[i + 1]`.

    >>> FAMILIES["cold"].bins(np.array([0, 4, 5, 800])).tolist()
    [0, 0, 1, 1]
    """

    title: str
    column: str
    """Of the per-user results (`recommendations.py`)."""
    edges: tuple[int, ...]
    labels: tuple[str, ...]

    def bins(self, values: np.ndarray) -> np.ndarray:
        """The bin of each value."""
        return np.searchsorted(self.edges, values, side="right") - 1


FAMILIES: Mapping[str, Family] = {
    "length": Family(
        "History length", "history_end", (0, 6, 11, 21, 51),
        ("up to 5 items", "6 to 10", "11 to 20", "21 to 50", "over 50"),
    ),
    "gap": Family(
        "Last time gap", "last_gap_seconds", (0, 60, 3600, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
        ("under 1 min", "1 min to 1 h", "1 h to 1 day", "1 to 7 days", "7 to 30 days", "30 to 365 days", "a year on"),
    ),
    "popularity": Family(
        "Target in training", "target_popularity", (0, 1, 5, 20, 100),
        ("never", "1 to 4 times", "5 to 19", "20 to 99", "100 and more"),
    ),
    "cold": Family("Cold items", "target_popularity", (0, COLD_BELOW), ("cold, under 5 times", "5 times and more")),
}  # fmt: skip
"""Each user is in one slice of each of these; the categories of its target are a family beside them."""
FACTS = tuple(dict.fromkeys(family.column for family in FAMILIES.values()))
"""Columns of the per-user results that users are sliced by."""
TITLES = {name: family.title for name, family in FAMILIES.items()} | {CATEGORY: "Category of the target"}


class Categories(NamedTuple):
    """Which users' targets have which categories: pairs of both, one below the other."""

    user: np.ndarray
    """Rows of the users."""
    name: np.ndarray


class Slice(NamedTuple):
    """Some of the users, one at least."""

    family: str
    label: str
    users: np.ndarray
    """Their rows."""


class SliceMetric(NamedTuple):
    """A metric's mean over the users of a slice."""

    family: str
    label: str
    users: int
    metric: str
    """Such as `ndcg@10`."""
    mean: float
    standard_error: float
    """Of the mean, over users; NaN for a single one. It says nothing about other seeds."""


class Worst(NamedTuple):
    """The slice that is served worst."""

    mean: float
    slice: Slice


def slices_of(facts: Mapping[str, np.ndarray], categories: Categories | None = None) -> list[Slice]:
    """Every slice that has users; a family whose column is not there is left out.

    Args:
        facts: one value a user by column: `history_end`, `last_gap_seconds`, `target_popularity`.
        categories: of the users' targets; a user is in the slice of each.

    >>> [(one.label, one.users.tolist()) for one in slices_of({"history_end": np.array([3, 60, 5])})]
    [('up to 5 items', [0, 2]), ('over 50', [1])]
    """
    found = []
    for name, family in FAMILIES.items():
        if family.column in facts:
            bins = family.bins(facts[family.column])
            found += [Slice(name, label, np.flatnonzero(bins == place)) for place, label in enumerate(family.labels)]
    if categories is not None:
        found += _by_category(categories)
    return [one for one in found if len(one.users)]


def _by_category(categories: Categories) -> list[Slice]:
    """Most users first; those with equally many by name."""
    names, place, count = np.unique(categories.name, return_inverse=True, return_counts=True)
    most = np.lexsort((names, -count))[:MAX_CATEGORIES]
    return [Slice(CATEGORY, str(names[index]), categories.user[place == index]) for index in most]


def metrics_by_slice(
    target_rank: Ranks, slices: Iterable[Slice], names: Iterable[str], cutoffs: Iterable[int]
) -> list[SliceMetric]:
    """Every metric at every cutoff in every slice.

    >>> [one] = metrics_by_slice(np.array([1, 11, 1]), [Slice("cold", "known", np.array([1, 2]))], ["recall"], [10])
    >>> one.users, one.mean, one.standard_error
    (2, 0.5, 0.5)
    """
    values = {f"{name}@{k}": METRICS[name](target_rank, k) for name in names for k in tuple(cutoffs)}
    return [
        SliceMetric(one.family, one.label, len(one.users), metric, *mean_and_error(each[one.users]))
        for one in slices
        for metric, each in values.items()
    ]


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of it, which is NaN for a single value."""
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return float(values.mean()), error


def enough_users(fewest_users: int, users: int) -> int:
    """How many users a slice needs, to be called the worst: a tenth of all at most, so that small data have some, too.

    >>> enough_users(100, 6404), enough_users(100, 943), enough_users(100, 5)
    (100, 94, 1)
    """
    return max(1, min(fewest_users, users // 10))


def worst_slice(target_rank: Ranks, slices: Sequence[Slice], metric: str, fewest_users: int) -> Worst:
    """The slice with the lowest mean among those with enough users; all users where none has.

    Every metric is better the bigger it is. Of equal ones it is the first.

    Args:
        metric: with its cutoff, such as `ndcg@10`.
        fewest_users: as `enough_users` takes it.
    """
    values = values_of(metric, target_rank)
    enough = enough_users(fewest_users, len(values))
    candidates = [one for one in slices if len(one.users) >= enough]
    candidates = candidates or [Slice("all", "all users", np.arange(len(values)))]
    return min((Worst(float(values[one.users].mean()), one) for one in candidates), key=lambda worst: worst.mean)


def standing_out(metrics: Iterable[SliceMetric], overall: float, enough: int, most: int = 12) -> list[SliceMetric]:
    """The slices with enough users that are served otherwise than all users on average, worst first.

    Their mean is more than two standard errors from `overall`; the worst of all is always among them.
    """
    ranked = sorted((one for one in metrics if one.users >= enough), key=lambda one: one.mean)
    return [one for place, one in enumerate(ranked) if place == 0 or abs(one.mean - overall) > 2 * one.standard_error][
        :most
    ]
