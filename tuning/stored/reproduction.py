"""A stored trial trained again, and how far the second training is from the first."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from athwe.data import Dataset
from athwe.errors import DivergedError
from tuning.files.results import read_recommendations
from tuning.files.storage import Storage
from tuning.planning.spec import Spec
from tuning.training.trial import TrialRun, TrialSetting

Metrics = Mapping[int, Mapping[str, float]]
"""Validation metrics by epoch and name."""


@dataclass(frozen=True)
class Again:
    """What the second training came to."""

    metrics: Metrics
    recommendations: pd.DataFrame | None
    """Of its best epoch; None where it had none."""
    diverged: str | None
    """Why it ended before the stored one did."""


@dataclass(frozen=True)
class EpochComparison:
    """Every validation metric of every stored epoch, to the bit."""

    epochs: int
    """How many were compared."""
    first_epoch: int | None = None
    """The first one that differs, 1-based; None where none does."""
    largest_difference: float = 0.0
    metric: str | None = None
    """Where the difference is largest."""
    missing_epochs: int = 0
    """Stored epochs that the second training did not come to."""


@dataclass(frozen=True)
class UserComparison:
    """The per-user results of the best epoch."""

    users: int
    """How many were compared."""
    other_rank: float
    """Share of users whose target has another rank."""
    other_items: float
    """Share of users who are recommended other items, or the same in another order."""
    missing_users: int
    """Users that only one of the two has."""


def train_again(
    spec: Spec, number: int, params: Mapping[str, Any], dataset: Dataset, epochs: int, told: Callable[[int], None]
) -> Again:
    """Train as the search did, by the same code, for the stored number of epochs; `told` hears of each.

    Raises:
        AthweError: a configuration that does not fit here, such as a GPU that is not there.
    """
    metrics: dict[int, dict[str, float]] = {}
    diverged = None
    # A worker that was given no GPU has seen none.
    forced = {} if spec.gpus_per_trial else {"device": "cpu"}
    config = spec.config.model_copy(update=forced)
    proposal = {"number": number, "params": dict(params), "resume_checkpoint": None}
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage.at(folder)
        run = TrialRun(TrialSetting(dataset.sealed(), config, spec.study, storage), proposal)
        try:
            for _ in range(epochs):
                message = run.epoch()
                values = {key.partition("/")[2]: value for key, value in message.items() if key.startswith("valid/")}
                metrics[message["epoch"]] = values
                told(message["epoch"])
                if message["finished"]:
                    break
        except DivergedError as error:
            diverged = str(error)
        return Again(metrics, read_recommendations(storage, f"{spec.study}.{number}"), diverged)


def compare_epochs(stored: pd.DataFrame, again: Metrics) -> EpochComparison:
    """Compare stored validation metrics (epoch, name, value) with those of the second training; no times."""
    rows = [row for row in stored.to_dict("records") if row["name"] != "seconds"]
    keys = [(int(row["epoch"]), str(row["name"])) for row in rows]
    off = np.abs(
        [row["value"] - again.get(epoch, {}).get(name, np.nan) for row, (epoch, name) in zip(rows, keys, strict=True)]
    )
    epochs = {epoch for epoch, _ in keys}
    different = [epoch for (epoch, _), each in zip(keys, off, strict=True) if each != 0]  # NaN is no zero
    if not different:
        return EpochComparison(len(epochs))
    most = int(np.nan_to_num(off).argmax())  # NaN is where there is nothing to compare with
    largest = float(np.nan_to_num(off)[most])
    return EpochComparison(
        epochs=len(epochs),
        first_epoch=min(different),
        largest_difference=largest,
        metric=f"{keys[most][1]} in epoch {keys[most][0]}" if largest else None,
        missing_epochs=len(epochs - again.keys()),
    )


def compare_users(stored: pd.DataFrame, again: pd.DataFrame) -> UserComparison:
    """Compare target ranks and top-K lists, user by user."""
    both = stored.merge(again, on="user", suffixes=("", "_again"))
    other_rank = (both["target_rank"] != both["target_rank_again"]) | (both["target"] != both["target_again"])
    other_items = [list(one) != list(two) for one, two in zip(both["items"], both["items_again"], strict=True)]
    return UserComparison(
        users=len(both),
        other_rank=float(other_rank.mean()) if len(both) else 0.0,
        other_items=float(np.mean(other_items)) if len(both) else 0.0,
        missing_users=len(stored) + len(again) - 2 * len(both),
    )


def is_same(epochs: EpochComparison, users: UserComparison | None) -> bool:
    """Whether nothing differs."""
    return epochs.first_epoch is None and (users is None or users == UserComparison(users.users, 0.0, 0.0, 0))


def differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What is another one now: `versions.torch was 2.12.0, is 2.13.0`.

    >>> differences({"git_sha": "a", "versions": {"torch": "1"}}, {"git_sha": "a", "versions": {"torch": "2"}})
    ['versions.torch was 1, is 2']
    """
    found = []
    for key in sorted(then.keys() | now.keys()):
        one, other = then.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key} was {one}, is {other}")
    return found


def as_json(comparison: EpochComparison | UserComparison | None) -> dict[str, Any] | None:
    """The fields of a comparison."""
    return None if comparison is None else asdict(comparison)
