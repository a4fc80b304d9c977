"""What the driver knows of its trials."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from tuning.schema import COMPLETE, CUT_OFF, INVALID, PARAMETERS, RUNNING, TRAIN_SECONDS

Trial = TypeVar("Trial")


@dataclass
class TrialRecord:
    """What the driver knows of one trial."""

    number: int
    params: dict[str, Any]
    state: str = RUNNING
    reason: str | None = None
    epoch: int = 0
    value: float | None = None
    """The objective at `epoch`."""
    best_epoch: int | None = None
    best_value: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    retry_of: int | None = None
    """The trial that this one goes on with."""
    checkpoint: str | None = None
    """The training state to go on from."""
    pruned_epoch: int | None = None
    """Where the pruner gave it up. A trial that is not PRUNED went on to be audited."""
    epoch_seconds: dict[int, float] = field(default_factory=dict)
    """Training time of each epoch."""
    worst_slices: dict[int, float] = field(default_factory=dict)
    """The objective over the slice of users that is served worst, by validated epoch."""
    memory_bytes: float = 0.0
    parameters: int | None = None
    """How many numbers the model learns."""
    over_limit: str | None = None
    """The limit that it broke, in words."""

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "TrialRecord":
        """What a row of the store's trials says of it; epochs and costs have tables of their own.

        Args:
            row: None, not NaN, where nothing is known.
        """
        as_it_is = ("number", "params", "state", "reason", "error", "started_at", "ended_at", "checkpoint")
        facts = {name: row[name] for name in as_it_is} | {"best_value": row["value"]}
        for name in ("best_epoch", "retry_of", "pruned_epoch"):  # a column with gaps comes as floats
            facts[name] = None if row[name] is None else int(row[name])
        return cls(**facts)

    @property
    def train_seconds(self) -> float:
        """Of all epochs, those of the trial it goes on with included."""
        return sum(self.epoch_seconds.values())

    @property
    def worst_slice(self) -> float | None:
        """That of its best epoch, which the first objective chooses."""
        return self.worst_slices.get(self.best_epoch or 0)

    @property
    def costs(self) -> dict[str, float]:
        """By the names that objectives have."""
        parameters = {} if self.parameters is None else {PARAMETERS: float(self.parameters)}
        return {TRAIN_SECONDS: self.train_seconds} | parameters


def asked_for(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that count: not those that never ran, were cut off, or go on under another number."""
    records = list(records)
    retried = gone_on_with(records)
    return [record for record in records if record.reason not in (INVALID, *CUT_OFF) and record.number not in retried]


def gone_on_with(records: Iterable[TrialRecord]) -> set[int]:
    """Numbers of the trials that others go on with; one that never began goes on with nothing."""
    return {record.retry_of for record in records if record.reason != INVALID and record.retry_of is not None}


def best_trials(
    trials: Iterable[Trial],
    maximize: bool,
    outcome: Callable[[Any], tuple[str, float | None]] = itemgetter("state", "value"),
) -> list[Trial]:
    """Complete trials that have a value, best first; those that are equal stay in their order.

    Args:
        outcome: a trial's state and value; as it is, those of a row of the store.
    """
    complete = [
        (value, trial)
        for trial in trials
        for state, value in [outcome(trial)]
        if state == COMPLETE and value is not None and not math.isnan(value)
    ]
    return [trial for _, trial in sorted(complete, key=itemgetter(0), reverse=maximize)]
