"""What a study has trained, read from its store: every trial's epochs, its value, and the pruner's verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from tuning.pruning.pruner import Report
from tuning.schema import COMPLETE, CUT_OFF, FAIL, INVALID, OVER_LIMIT, PRUNED, REPORTED_SECONDS, WORKER_LOST
from tuning.store import Store


@dataclass(frozen=True)
class Epoch:
    """What is known of one epoch."""

    value: float | None
    """Of the first objective; None where the epoch was not validated."""
    train_seconds: float
    reported_seconds: float
    """From the creation of the study until the driver heard of it."""


@dataclass(frozen=True)
class Trained:
    """A trial that has an epoch at least."""

    number: int
    params: dict[str, Any]
    state: str
    reason: str | None
    value: float | None
    """Its best epoch's."""
    given_up: int | None
    """Epoch of the pruner's verdict. A trial that is COMPLETE all the same was audited."""
    epochs: dict[int, Epoch]

    @property
    def last_epoch(self) -> int:
        """How far it came."""
        return max(self.epochs)

    def value_from(self, epoch: int) -> float | None:
        """Its first value from an epoch on, None where it has none: not every epoch need be validated."""
        later = (one.value for number, one in sorted(self.epochs.items()) if number >= epoch)
        return next((value for value in later if value is not None), None)

    @property
    def is_whole(self) -> bool:
        """Whether it came to an end of its own: whatever a pruner does, no more would be known of it."""
        ended = self.state == FAIL and self.reason not in (*CUT_OFF, WORKER_LOST)
        return self.state == COMPLETE or ended or (self.state == PRUNED and self.reason == OVER_LIMIT)


def trial_records(store: Store, study_name: str) -> list[dict[str, Any]]:
    """The store's rows of trials, by number, None where nothing stands."""
    return store.trials(study_name).replace({np.nan: None}).to_dict("records")


def trained_trials(store: Store, study_name: str, objective: str) -> list[Trained]:
    """The trials of a study by number, but for those that never ran or go on under another number."""
    row, trials = store.study(study_name), trial_records(store, study_name)
    go_on = {trial["retry_of"] for trial in trials if trial["reason"] != INVALID}
    trials = [trial for trial in trials if trial["number"] not in go_on and trial["reason"] != INVALID]
    epochs = _epochs(store, [trial["trial_id"] for trial in trials], objective)
    created_at = None if row is None else row["created_at"]
    found = []
    for trial in trials:
        if trial["trial_id"] not in epochs:
            continue
        started_at = trial["started_at"]
        begun = (started_at - created_at).total_seconds() if started_at is not None and created_at is not None else 0.0
        known = _with_times(epochs[trial["trial_id"]], begun)
        fields = {name: trial[name] for name in ("number", "params", "state", "reason", "value")}
        found.append(Trained(**fields, given_up=_verdict(trial, max(known)), epochs=known))
    return found


def reports_of(
    trials: Iterable[Trained], ranks: Mapping[tuple[int, int], bytes] = MappingProxyType({})
) -> list[Report]:
    """Every value of the objective, in the order in which the driver heard of them.

    Args:
        ranks: of the same users, by the trial's number and epoch.
    """
    heard = []
    for trial in trials:
        ends = trial.last_epoch if trial.is_whole and trial.state != FAIL else None
        for number, epoch in trial.epochs.items():
            if epoch.value is not None:
                of_users = ranks.get((trial.number, number))
                report = Report(trial.number, trial.params, number, epoch.value, of_users, is_end=number == ends)
                heard.append((epoch.reported_seconds, trial.number, number, report))
    return [report for *_, report in sorted(heard, key=lambda one: one[:3])]


def ranks_of(store: Store, study_name: str) -> dict[tuple[int, int], bytes]:
    """Validation ranks of the same users, by the trial's number and epoch; all there are."""
    numbers = {trial["trial_id"]: trial["number"] for trial in trial_records(store, study_name)}
    rows = store.user_ranks(list(numbers))
    return {
        (numbers[trial_id], int(epoch)): bytes(ranks)
        for trial_id, epoch, ranks in zip(rows["trial_id"], rows["epoch"], rows["ranks"], strict=True)
    }


def _epochs(store: Store, trial_ids: list[str], objective: str) -> dict[str, pd.DataFrame]:
    """By trial, one row an epoch with the columns `value`, `train`, `valid` and `reported`, NaN where unknown."""
    columns = {objective: "value", "train/seconds": "train", "valid/seconds": "valid", REPORTED_SECONDS: "reported"}
    metrics = store.metrics(trial_ids, names=sorted({key.split("/", 1)[1] for key in columns}))
    metrics = metrics.assign(column=(metrics["split"] + "/" + metrics["name"]).map(columns)).dropna(subset=["column"])
    wide = metrics.pivot(index=["trial_id", "epoch"], columns="column", values="value").sort_index()
    wide = wide.reindex(columns=list(columns.values())).astype(float)
    return {str(trial_id): rows.droplevel("trial_id") for trial_id, rows in wide.groupby(level="trial_id")}


def _with_times(rows: pd.DataFrame, begun: float) -> dict[int, Epoch]:
    """A store of an older search does not say when an epoch was heard of: it has the lengths of epochs only."""
    ends = begun + (rows["train"].fillna(0) + rows["valid"].fillna(0)).cumsum()
    reported = rows["reported"].fillna(ends)
    values = rows["value"].astype(object).where(rows["value"].notna(), None)
    columns = zip(rows.index, values, rows["train"].fillna(0), reported, strict=True)
    return {int(epoch): Epoch(value, float(train), float(at)) for epoch, value, train, at in columns}


def _verdict(trial: dict[str, Any], last_epoch: int) -> int | None:
    """A store of an older search has no verdicts: there a pruned trial was judged in its last epoch."""
    if trial["pruned_epoch"] is not None:
        return int(trial["pruned_epoch"])
    return last_epoch if trial["state"] == PRUNED and trial["reason"] != OVER_LIMIT else None
