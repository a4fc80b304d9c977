"""All users of two results at once: what each gained or lost, and the slices they fall into. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.beyond import OF_USERS

RECIPROCAL_RANK = "reciprocal rank"
MEASURES = ("ndcg@10", RECIPROCAL_RANK, "recall@10", "ndcg@50")
"""What users are compared by; `PROTOCOL.md` defines them for one target."""

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
        ("never (cold)", "1 to 4 times", "5 to 19", "20 to 99", "100 and more"),
    ),
}  # fmt: skip


def measure(name: str, target_rank: np.ndarray) -> np.ndarray:
    """One value a user: the reciprocal rank without a cutoff, or `ndcg@k`, `mrr@k`, `recall@k`.

    >>> measure("ndcg@10", np.array([1, 3, 11])).tolist()
    [1.0, 0.5, 0.0]
    """
    if name == RECIPROCAL_RANK:
        return 1 / target_rank
    kind, _, cutoff = name.partition("@")
    values = {"ndcg": 1 / np.log2(target_rank + 1), "mrr": 1 / target_rank, "recall": np.ones(len(target_rank))}
    return np.where(target_rank <= int(cutoff), values[kind], 0.0)


def values_of(users: pa.Table, name: str) -> np.ndarray:
    """A measure of each user, of the target's rank or of the list; NaN where a user has none."""
    if name in OF_USERS:
        return users.column(name).to_numpy().astype(float)
    return measure(name, users.column("target_rank").to_numpy())


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
        place = pc.index_in(_array(users, "target"), _array(items, "item_id"))
        known = place.is_valid()
        lists = _array(items, "categories").take(place.filter(known))
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


@dataclass(frozen=True)
class Differences:
    """What users that both results have gain from the first to the second."""

    users: pa.Table
    """Their rows of the first result."""
    ranks: tuple[np.ndarray, np.ndarray]
    """Of their targets, in the first and in the second."""
    gain: np.ndarray
    """Difference of the measure, second less first."""

    def summary(self) -> dict[str, float]:
        """Numbers of users that gained, lost and stayed the same, and the mean over all of them."""
        return {
            "gained": int((self.gain > 0).sum()),
            "lost": int((self.gain < 0).sum()),
            "same": int((self.gain == 0).sum()),
            "mean": float(self.gain.mean()) if len(self.gain) else float("nan"),
        }

    def most(self, count: int, sign: int, names: Sequence[str]) -> pd.DataFrame:
        """The users that gained (sign 1) or lost (sign -1) most: user, a rank under each of `names`, gain, slices."""
        order = np.argsort(-sign * self.gain, kind="stable")[:count]
        order = order[sign * self.gain[order] > 0]
        rows = self.users.take(pa.array(order))
        frame = pd.DataFrame({"user": rows.column("user").to_pylist()})
        for name, ranks in zip(names, self.ranks, strict=True):
            frame[name] = ranks[order]
        frame["difference"] = self.gain[order]
        for column, title, unit in (
            ("history_end", "history", 1), ("last_gap_seconds", "last gap, days", _DAY),
            ("target_popularity", "in training", 1),
        ):  # fmt: skip
            if column in rows.column_names:
                values = rows.column(column).to_numpy()
                frame[title] = values if unit == 1 else values / unit
        return frame


def differences(one: pa.Table, other: pa.Table, name: str, mask: np.ndarray | None = None) -> Differences:
    """Compare two results user by user.

    Args:
        one, other: as `results.all_users` gives them; a user that one of them lacks, or gives no value, is left out.
        name: of the measure.
        mask: which rows of the first count; all by default.
    """
    mine = np.arange(len(one)) if mask is None else np.flatnonzero(mask)
    if one.column("user").equals(other.column("user")):
        theirs = mine
    else:
        place = pc.index_in(_array(one, "user"), _array(other, "user")).fill_null(-1).to_numpy()[mine]
        mine, theirs = mine[place >= 0], place[place >= 0]
    gain = values_of(other, name)[theirs] - values_of(one, name)[mine]
    known = ~np.isnan(gain)
    mine, theirs, gain = mine[known], theirs[known], gain[known]
    ranks = one.column("target_rank").to_numpy()[mine], other.column("target_rank").to_numpy()[theirs]
    return Differences(one.take(pa.array(mine)), ranks, gain)


def _array(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()
