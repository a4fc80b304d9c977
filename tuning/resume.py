"""Take a study up again from the store: what was in flight is enqueued again with its checkpoint.

`Tuner.restore` is not used: its snapshot lags behind the database and crashes on it (`RAY_NOTES.md`).
"""

import json
import logging
import time
from datetime import datetime

import numpy as np
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from tuning.driver import is_surely_dead
from tuning.errors import SearchError
from tuning.sampler import RESUME_CHECKPOINT, RETRY_OF
from tuning.schema import CANCELLED, FAIL, INVALID, RUNNING, WORKER_LOST
from tuning.store import LIVE_SECONDS, Store, now

logger = logging.getLogger(__name__)


def claim(store: Store, study_name: str, driver: str, live_seconds: float = LIVE_SECONDS) -> None:
    """Return once `driver` is the one that works on the study.

    A driver that was killed on this machine is known to be gone; the silence of any other is waited for.

    Raises:
        SearchError: another driver's heartbeat goes on.
    """
    first, bearer = _heartbeat(store, study_name)
    if is_surely_dead(bearer):
        store.release_study(study_name, bearer)
    told = False
    while not store.claim_study(study_name, driver, live_seconds):
        beat, _ = _heartbeat(store, study_name)
        age = (now() - beat).total_seconds() if beat else 0
        if beat != first:
            raise SearchError(f"study {study_name!r} has a driver at work, alive {age:.0f} s ago: wait for its end")
        if not told:
            logger.info("the driver of %s was alive %.0f s ago; watching it for %.0f s", study_name, age, live_seconds)
            told = True
        time.sleep(0.5)


def requeue_unfinished(store: Store, study: Study, retry_failed: bool = False) -> None:
    """Enqueue what was in flight or cancelled, and make the store agree with Optuna's tables.

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
        was_cut_off = was_in_flight or reason == CANCELLED
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
        and trial.user_attrs.get("reason") not in (INVALID, CANCELLED)
        for trial in trials
    )


def _heartbeat(store: Store, study_name: str) -> tuple[datetime | None, str | None]:
    """When a driver was alive last, and which."""
    row = store.study(study_name) or {}
    return row.get("heartbeat_at"), row.get("driver")


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
