"""Take a study up again from the store: what was in flight is enqueued again with its checkpoint.

`Tuner.restore` is not used: its snapshot lags behind the database and crashes on it (`RAY_NOTES.md`).
"""

import json
import logging

import numpy as np
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from tuning.sampler import RESUME_CHECKPOINT, RETRY_OF
from tuning.schema import CUT_OFF, FAIL, INVALID, RUNNING, WORKER_LOST
from tuning.store import Store, now

logger = logging.getLogger(__name__)


def requeue_unfinished(store: Store, study: Study, retry_failed: bool = False) -> None:
    """Enqueue what was in flight or cut off, and make the store agree with Optuna's tables.

    Those go on from their checkpoint; with `retry_failed` trials that failed are enqueued as well, from their start.

    Safe to be killed in: a trial is enqueued before the old one is closed, and never twice.
    """
    rows = {row["number"]: row for row in store.trials(study.study_name).replace({np.nan: None}).to_dict("records")}
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs[RETRY_OF] for trial in trials if RETRY_OF in trial.user_attrs}
    for trial in trials:
        row = rows.get(trial.number)
        reason = trial.user_attrs.get("reason")
        if trial.state == TrialState.WAITING:
            continue
        was_in_flight = trial.state == TrialState.RUNNING
        is_whole = bool(trial.params) and trial.params.keys() == trials[0].params.keys()
        was_cut_off = was_in_flight or reason in CUT_OFF
        failed = retry_failed and trial.state == TrialState.FAIL and reason != INVALID
        if (was_cut_off or failed) and is_whole and trial.number not in retried:
            checkpoint = (row or {}).get("checkpoint") or trial.user_attrs.get(RESUME_CHECKPOINT)
            goes_on = {RESUME_CHECKPOINT: checkpoint if was_cut_off else None, RETRY_OF: trial.number}
            study.enqueue_trial(trial.params, user_attrs=goes_on)
        if was_in_flight:
            reason = WORKER_LOST if is_whole else INVALID
            _close(study, trial, reason, "its driver ended without a word")
        if was_in_flight or row is None or row["state"] == RUNNING:
            _repair(store, study, trial.number, is_new=row is None)


def finished_count(study: Study) -> int:
    """How many of the trials asked for are done: not those that never ran, nor those that another one goes on with."""
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs[RETRY_OF] for trial in trials if RETRY_OF in trial.user_attrs}
    return sum(
        trial.state.is_finished()
        and trial.number not in retried
        and trial.user_attrs.get("reason") not in (INVALID, *CUT_OFF)
        for trial in trials
    )


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
        "value": None if trial.state.name == FAIL else trial.value,
    }
    if is_new:
        values |= {
            "study_name": study.study_name,
            "number": number,
            "params_json": json.dumps(trial.params),
            "retry_of": trial.user_attrs.get(RETRY_OF),
        }
    store.save_trial(values)
