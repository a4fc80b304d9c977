"""One value a user and run, out of the files that trials have left, of those runs that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from athwe.evaluation.metrics import METRICS, values_of
from athwe.evaluation.recommendations import MASK_SEEN_KEY
from tuning.files.results import read_user_ranks
from tuning.files.storage import Storage


@dataclass(frozen=True)
class PerUser:
    """Values of runs on the same users."""

    runs: tuple[str, ...]
    """Keys of the runs that can be compared, in the order they were given in."""
    values: np.ndarray
    """(users, runs) float32."""
    left_out: Mapping[str, str]
    """Why each of the others cannot be."""


def can_be_told(objective: str) -> bool:
    """Whether an objective is a mean over users of what a target's rank says, such as `valid/ndcg@10`."""
    name, _, cutoff = objective.partition("/")[2].partition("@")
    return name in METRICS and cutoff.isdecimal()


def per_user(storage: Storage, names: Mapping[str, str], objective: str, mask_seen: bool) -> PerUser:
    """Read what can be compared with the first run that can be read. Bounded: two columns of one file at a time.

    Args:
        names: the file of each run, by the run's key.
        objective: one that `can_be_told`.
        mask_seen: what all of them must have been ranked by.
    """
    metric = objective.partition("/")[2]
    columns, left_out = dict[str, np.ndarray](), dict[str, str]()
    users: Any = None
    for run, name in names.items():
        try:
            table = read_user_ranks(storage, name)
        except (OSError, pa.ArrowException) as error:
            missing = isinstance(error, FileNotFoundError)
            left_out[run] = "it has no per-user results" if missing else f"its per-user results cannot be read: {error}"
            continue
        ranked_by = (table.schema.metadata or {}).get(MASK_SEEN_KEY, str(mask_seen).lower().encode())
        if ranked_by != str(mask_seen).lower().encode():
            left_out[run] = (
                f"it was ranked with mask_seen {ranked_by.decode()}, the study with {str(mask_seen).lower()}"
            )
            continue
        users = table["user"] if users is None else users
        if not table["user"].equals(users):
            left_out[run] = f"it has {len(table):,} users that are not the {len(users):,} of the best one"
            continue
        columns[run] = values_of(metric, table["target_rank"].to_numpy()).astype(np.float32)
    values = np.stack(list(columns.values()), axis=1) if columns else np.empty((0, 0), np.float32)
    return PerUser(tuple(columns), values, left_out)
