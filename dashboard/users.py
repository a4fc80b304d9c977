"""All users of two results at once: what each gained or lost. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.beyond import OF_USERS

RECIPROCAL_RANK = "reciprocal rank"
MEASURES = (
    "ndcg@10",
    RECIPROCAL_RANK,
    *(name for k in (10, 5, 20, 50) for kind in ("ndcg", "mrr", "recall") if (name := f"{kind}@{k}") != "ndcg@10"),
)
"""What users are compared by; `PROTOCOL.md` defines them for one target."""
_DAY = 86400


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
        place = pc.index_in(column_of(one, "user"), column_of(other, "user")).fill_null(-1).to_numpy()[mine]
        mine, theirs = mine[place >= 0], place[place >= 0]
    gain = values_of(other, name)[theirs] - values_of(one, name)[mine]
    known = ~np.isnan(gain)
    mine, theirs, gain = mine[known], theirs[known], gain[known]
    ranks = one.column("target_rank").to_numpy()[mine], other.column("target_rank").to_numpy()[theirs]
    return Differences(one.take(pa.array(mine)), ranks, gain)


def column_of(table: pa.Table, name: str) -> pa.Array:
    """A column in one piece."""
    return table.column(name).combine_chunks()
