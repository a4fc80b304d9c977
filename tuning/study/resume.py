"""Take a study up again from the store: what was in flight is enqueued again with its checkpoint.

`Tuner.restore` is not used: its snapshot lags behind the database and crashes on it (`RAY_NOTES.md`).
"""

import json
import logging
import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from tuning.books.record import TrialRecord, asked_for, gone_on_with
from tuning.proposing.proposals import RESUME_CHECKPOINT, RETRY_OF, enqueue_unbegun
from tuning.schema import CUT_OFF, FAIL, INVALID, RUNNING, WORKER_LOST
from tuning.store import Store, now

logger = logging.getLogger(__name__)


def requeue_unfinished(
    store: Store,
    study: Study,
    names: Collection[str],
    usable: Callable[[str], str | None],
    retry_failed: bool = False,
) -> None:
    """Enqueue what was in flight or cut off, and make the store agree with Optuna's tables.

    Those go on from their checkpoint; with `retry_failed` trials that failed are enqueued as well, from their start.

    Safe to be killed in: a trial is enqueued before the old one is closed, and never twice.

    Args:
        names: of all parameters.
        usable: gives the checkpoint that is there for one that is noted, or None.
    """
    rows = {row["number"]: row for row in store.trials(study.study_name).replace({np.nan: None}).to_dict("records")}
    trials = study.get_trials(deepcopy=False)
    retried = gone_on_with(_records(trials))
    for trial in trials:
        row = rows.get(trial.number)
        if trial.state == TrialState.RUNNING and row is None:
            enqueue_unbegun(study, trial, names)
            _close(study, trial, INVALID, "its driver ended before it began")
        elif trial.state != TrialState.WAITING:
            was_in_flight = trial.state == TrialState.RUNNING
            if trial.number not in retried and (goes_on := _goes_on(trial, row, usable, retry_failed)):
                _note_checkpoint(store, study, trial.number, row, goes_on[RESUME_CHECKPOINT])
                study.enqueue_trial(trial.params, user_attrs=goes_on)
            if was_in_flight:
                _complete_epochs(store, study, trial)
                _close(study, trial, WORKER_LOST, "its driver ended without a word")
        if trial.state != TrialState.WAITING and (row is None or row["state"] == RUNNING):
            _repair(store, study, trial.number, is_new=row is None)


def _goes_on(
    trial: FrozenTrial, row: dict[str, Any] | None, usable: Callable[[str], str | None], retry_failed: bool
) -> dict[str, Any] | None:
    """What a trial that goes on with this one carries; None where none does."""
    reason = trial.user_attrs.get("reason")
    was_cut_off = trial.state == TrialState.RUNNING or reason in CUT_OFF
    failed = retry_failed and trial.state == TrialState.FAIL and reason != INVALID
    if not (was_cut_off or failed) or not trial.params:
        return None
    noted = (row or {}).get("checkpoint") or trial.user_attrs.get(RESUME_CHECKPOINT)
    return {RESUME_CHECKPOINT: usable(noted) if was_cut_off and noted else None, RETRY_OF: trial.number}


def _note_checkpoint(
    store: Store, study: Study, number: int, row: dict[str, Any] | None, checkpoint: str | None
) -> None:
    """A checkpoint that no row names would be taken for an orphan, and deleted."""
    if row is not None and checkpoint is not None and row["checkpoint"] != checkpoint:
        store.save_trial({"trial_id": f"{study.study_name}.{number}", "checkpoint": checkpoint})


def awaited(study: Study) -> set[int]:
    """Numbers of the trials from whose checkpoints others are enqueued to go on."""
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return {trial.user_attrs[RETRY_OF] for trial in waiting if trial.user_attrs.get(RESUME_CHECKPOINT)}


def finished_count(study: Study) -> int:
    """How many of the trials asked for are done, as Optuna's tables have it."""
    counted = asked_for(_records(study.get_trials(deepcopy=False)))
    return sum(TrialState[record.state].is_finished() for record in counted)


def _records(trials: Iterable[FrozenTrial]) -> list[TrialRecord]:
    """What the rules of `record.py` ask for."""
    return [
        TrialRecord(
            trial.number,
            trial.params,
            trial.state.name,
            trial.user_attrs.get("reason"),
            retry_of=trial.user_attrs.get(RETRY_OF),
        )
        for trial in trials
    ]


def _complete_epochs(store: Store, study: Study, trial: FrozenTrial) -> None:
    """An epoch is written to the store first: its driver may have ended before it told Optuna."""
    objective = next(iter(store.objectives(study.study_name)))
    split, _, name = objective.partition("/")
    epochs = store.metrics([f"{study.study_name}.{trial.number}"], split, [name])
    for epoch, value in zip(epochs["epoch"].tolist(), epochs["value"].tolist(), strict=True):
        if epoch not in trial.intermediate_values and math.isfinite(value):
            study._storage.set_trial_intermediate_value(trial._trial_id, epoch, value)


def _close(study: Study, trial: FrozenTrial, reason: str, error: str) -> None:
    study._storage.set_trial_user_attr(trial._trial_id, "reason", reason)
    study._storage.set_trial_user_attr(trial._trial_id, "error", error)
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def _repair(store: Store, study: Study, number: int, is_new: bool) -> None:
    """Write a trial's ending into the store as Optuna's tables have it."""
    trial = study.get_trials(deepcopy=False)[number]
    values = {
        "trial_id": f"{study.study_name}.{number}",
        "state": trial.state.name,
        "reason": trial.user_attrs.get("reason"),
        "error": trial.user_attrs.get("error"),
        "ended_at": now(),
        "value": None if trial.state.name == FAIL or not trial.values else trial.values[0],
    }
    if is_new:
        values |= {
            "study_name": study.study_name,
            "number": number,
            "params_json": json.dumps(trial.params),
            "retry_of": trial.user_attrs.get(RETRY_OF),
        }
    store.save_trial(values)
    if trial.state.name != FAIL and trial.values:
        objectives = store.objectives(study.study_name)
        store.save_values(values["trial_id"], dict(zip(objectives, trial.values, strict=True)))
