"""The slices that users fall into, and the one that is served worst. Pure functions.

The edges are those of `athwe/evaluation/slices.py`, which the dashboard may not import; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.users import column_of, measure

MAX_CATEGORIES = 20
"""Categories to choose a slice from, those with the most users."""


@dataclass(frozen=True)
class Slices:
    """How a column of numbers is cut: bin i holds the values from `edges[i]` to below `edges[i + 1]`."""

    title: str
    column: str
    edges: tuple[int, ...]
    labels: tuple[str, ...]

    def of(self, users: pa.Table) -> np.ndarray | None:
        """Index of each user's bin; None where the file lacks the column."""
        if self.column not in users.column_names:
            return None
        return np.searchsorted(self.edges, users.column(self.column).to_numpy(), side="right") - 1


_DAY = 86400
SLICES: Mapping[str, Slices] = {
    "length": Slices(
        "History length", "history_end", (0, 6, 11, 21, 51),
        ("up to 5 items", "6 to 10", "11 to 20", "21 to 50", "over 50"),
    ),
    "gap": Slices(
        "Last time gap", "last_gap_seconds", (0, 60, 3600, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
        ("under 1 min", "1 min to 1 h", "1 h to 1 day", "1 to 7 days", "7 to 30 days", "30 to 365 days", "a year on"),
    ),
    "popularity": Slices(
        "Target in training", "target_popularity", (0, 1, 5, 20, 100),
        ("never", "1 to 4 times", "5 to 19", "20 to 99", "100 and more"),
    ),
    "cold": Slices("Cold items", "target_popularity", (0, 5), ("cold, under 5 times", "5 times and more")),
}  # fmt: skip
CATEGORY = "category"
TITLES: Mapping[str, str] = {name: one.title for name, one in SLICES.items()} | {CATEGORY: "Category of the target"}
Members = Mapping[str, Mapping[str, np.ndarray]]
"""Rows of the users in every slice that has any, by family and label."""


def counts(bins: np.ndarray, slices: Slices) -> dict[str, int]:
    """Users by the label of their bin."""
    return dict(zip(slices.labels, np.bincount(bins, minlength=len(slices.labels)).tolist(), strict=True))


@dataclass(frozen=True)
class Categories:
    """Which users' targets have which categories: pairs of both, one below the other."""

    user: np.ndarray
    """Rows of the users."""
    category: pa.Array

    @classmethod
    def of(cls, users: pa.Table, items: pa.Table) -> "Categories":
        """Join the users' targets with the items' categories."""
        place = pc.index_in(column_of(users, "target"), column_of(items, "item_id"))
        known = place.is_valid()
        lists = column_of(items, "categories").take(place.filter(known))
        rows = np.flatnonzero(known.to_numpy(zero_copy_only=False))
        return cls(rows[pc.list_parent_indices(lists).to_numpy()], pc.list_flatten(lists))

    def counts(self) -> dict[str, int]:
        """Users by category, the MAX_CATEGORIES most frequent ones, most first."""
        found = sorted(
            ((pair["values"], pair["counts"]) for pair in self.category.value_counts().to_pylist()),
            key=lambda pair: (-pair[1], pair[0]),
        )
        return dict(found[:MAX_CATEGORIES])

    def mask(self, category: str, count: int) -> np.ndarray:
        """Which of `count` users have a target of the category."""
        mask = np.zeros(count, bool)
        mask[self.user[pc.equal(self.category, category).to_numpy(zero_copy_only=False)]] = True
        return mask


def members(users: pa.Table, items: pa.Table | None) -> Members:
    """The slices that the columns there are can tell; without `items` there are none by category."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, cut in SLICES.items():
        if (bins := cut.of(users)) is not None:
            rows = {label: np.flatnonzero(bins == place) for place, label in enumerate(cut.labels)}
            found[name] = {label: mine for label, mine in rows.items() if len(mine)}
    categories = None if items is None else Categories.of(users, items)
    if categories is not None and len(categories.category):
        rows = {label: np.flatnonzero(categories.mask(label, len(users))) for label in categories.counts()}
        found[CATEGORY] = rows
    return found


@dataclass(frozen=True)
class Worst:
    """The slice that is served worst."""

    family: str
    label: str
    users: int
    mean: float
    margin: float
    """1.96 standard errors over its users, NaN for a single one."""


def enough_users(fewest_users: int, users: int) -> int:
    """How many users a slice needs, to be called the worst: a tenth of all at most."""
    return max(1, min(fewest_users, users // 10))


def worst_slice(users: pa.Table, members: Members, name: str, enough: int) -> Worst | None:
    """The slice of `enough` users at least in which a measure's mean is lowest, the first of equal ones; None without.

    As `athwe/evaluation/slices.py` has it.
    """
    values = measure(name, users.column("target_rank").to_numpy())
    found = [
        (float(values[rows].mean()), family, label, rows)
        for family, labels in members.items()
        for label, rows in labels.items()
        if len(rows) >= enough
    ]
    if not found:
        return None
    mean, family, label, rows = min(found, key=lambda one: one[0])
    return Worst(family, label, len(rows), mean, margin(values[rows]))


def margin(values: np.ndarray) -> float:
    """Half of a mean's 95 % interval over users: 1.96 standard errors; NaN for a single one."""
    return 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
