"""A study with a trial of every ending there is, told by what a search tells them with; nothing is trained."""

import errno
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError
from ray.tune.trainable.metadata import _TrainingRunMetadata
from rich.console import Console
from tiny_search import OBJECTIVE, disk_at, epoch

from athwe.errors import DivergedError
from tuning.books.journal import Journal
from tuning.driving.callback import SearchCallback
from tuning.driving.progress import Progress
from tuning.driving.run import StopRequest
from tuning.planning.spec import Limits
from tuning.schema import (
    CANCELLED,
    COMPLETE,
    DIVERGED,
    EXCEPTION,
    FAIL,
    INVALID,
    OUT_OF_MEMORY,
    OVER_LIMIT,
    PARAMETERS,
    PRUNED,
    RUNNING,
    STORAGE_FULL,
    TIMED_OUT,
    WAITING,
    WORKER_LOST,
)
from tuning.store import Store
from tuning.study.resume import requeue_unfinished
from tuning.training.endings import failure_of

DISTRIBUTIONS = {
    "beta": FloatDistribution(0, 1),
    "moe_topk": IntDistribution(1, 8),
    "hidden_act": CategoricalDistribution(["gelu", "relu"]),
}
MOST_SECONDS = 10.0


class Ended(NamedTuple):
    """What is to stand in both tables."""

    state: str
    reason: str | None = None
    values: tuple[float | None, ...] = ()
    """Of the first objective, by epoch; None where that was not validated."""


ENDINGS = {
    "completed": Ended(COMPLETE, None, (0.1, 0.3, 0.2)),
    "completed with an epoch that was not validated": Ended(COMPLETE, None, (0.1, None, 0.2)),
    "completed after its worker was lost, with an epoch run again": Ended(COMPLETE, None, (0.1, 0.25)),
    "pruned": Ended(PRUNED, None, (0.2, 0.1)),
    "audited": Ended(COMPLETE, None, (0.1, 0.4)),
    "above a limit": Ended(PRUNED, OVER_LIMIT, (0.1,)),
    "diverged": Ended(FAIL, DIVERGED, (0.1,)),
    "exception": Ended(FAIL, EXCEPTION, (0.1,)),
    "exception before its first epoch": Ended(FAIL, EXCEPTION),
    "out of memory": Ended(FAIL, OUT_OF_MEMORY, (0.1,)),
    "killed for its memory": Ended(FAIL, OUT_OF_MEMORY, (0.1,)),
    "storage full": Ended(FAIL, STORAGE_FULL, (0.1,)),
    "timed out": Ended(FAIL, TIMED_OUT, (0.1,)),
    "lost worker": Ended(FAIL, WORKER_LOST, (0.1, 0.2)),
    "lost node": Ended(FAIL, WORKER_LOST, (0.1,)),
    "cancelled": Ended(FAIL, CANCELLED, (0.1, 0.2)),
    "cancelled before its first epoch": Ended(FAIL, CANCELLED),
    "time over": Ended(FAIL, CANCELLED, (0.1,)),
    "invalid": Ended(FAIL, INVALID),
    "killed driver": Ended(FAIL, WORKER_LOST, (0.1,)),
    "at work": Ended(RUNNING, None, (0.1,)),
}
"""By name, in the order in which they are told."""

_REPORTED: dict[str, Exception] = {
    "diverged": DivergedError(2, "total", math.nan),
    "exception": ValueError("no such thing"),
    "exception before its first epoch": ValueError("no such thing"),
    "out of memory": torch.OutOfMemoryError("CUDA out of memory"),
    "storage full": OSError(errno.ENOSPC, "No space left on device"),
}
"""What the worker reports, as `trial.py` does."""
_LOST: dict[str, Exception] = {
    "killed for its memory": OutOfMemoryError("killed"),
    "lost worker": ActorDiedError(),
    "lost node": NodeDiedError("the node died"),
}
"""What Ray says of a worker that is gone for good."""


class RayTrial(SimpleNamespace):
    """What the callback reads of a Ray trial."""

    def __init__(self, **facts: Any):
        super().__init__(run_metadata=_TrainingRunMetadata(), **facts)

    def get_pickled_error(self) -> Exception | None:
        return self.lost


def tell_every_ending(store: Store, url: str, folder: Path, also_minimize: Sequence[str] = ()) -> optuna.Study:
    """A study `s` with `ENDINGS`: trials with these numbers in their order, then what is enqueued again."""
    directions = ["maximize", *["minimize"] * len(also_minimize)]
    facts = dict.fromkeys(("dataset", "spec_json", "data_fingerprint", "storage_path"), "{}")
    row = {"study_name": "s", "objective": OBJECTIVE, "direction": "maximize", "mask_seen": False, "trials_asked": 3}
    store.create_study(row | facts, also_minimize)
    study = optuna.create_study(storage=RDBStorage(url), study_name="s", directions=directions)
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    objectives = [OBJECTIVE, *also_minimize]
    journal = Journal(store, study, objectives, disk_at(folder), Limits(train_seconds=MOST_SECONDS))
    teller = _Teller(study, journal)
    for name, ending in ENDINGS.items():
        if name == "killed driver":  # another one takes the study up
            teller.begin(ending.values)
            requeue_unfinished(store, study, DISTRIBUTIONS, lambda path: path)
            journal.load()
        else:
            teller.tell(name, ending)
    journal.close()
    return study


class _Teller:
    def __init__(self, study: optuna.Study, journal: Journal):
        self._study, self._journal = study, journal
        self._stop = StopRequest(time_budget_seconds=-1.0)
        progress = Progress(Console(quiet=True), "s", OBJECTIVE, maximize=True, trials=3, epochs=3)
        self._verdicts: dict[int, int] = {}
        full = partial(self._stop.for_want_of_room, SimpleNamespace(url="/full"))
        self._callback = SearchCallback(journal, progress, self._verdicts, full)

    def begin(self, values: Sequence[float | None]) -> RayTrial:
        asked = self._study.ask(DISTRIBUTIONS)
        trial = RayTrial(config={"number": asked.number}, last_result={}, lost=None)
        self._journal.proposed(asked.number, asked.params)
        self._callback.on_trial_start(0, [], trial)
        for index in range(1, len(values) + 1):
            self._report(trial, values[:index])
        return trial

    def tell(self, name: str, ending: Ended) -> None:
        if name == "invalid":
            asked = self._study.ask(DISTRIBUTIONS)
            return self._journal.rejected(asked.number, asked.params, "moe_topk is above routed_expert_nums")
        trial = self.begin(ending.values)
        number = trial.config["number"]
        if name in _REPORTED:
            failure = failure_of(_REPORTED[name], "Traceback\nValueError: no such thing")
            self._fail(trial, failure.reason, failure.error)
        elif name in _LOST:
            trial.lost = _LOST[name]
            self._callback.on_trial_error(1, [], trial)
        elif name == "timed out":
            self._fail(trial, TIMED_OUT, "File trainer.py\nan epoch took longer than 5 s")
        elif ending.reason == CANCELLED:
            self._stop.why = None
            self._stop.stop_all() if name == "time over" else self._stop.interrupt()
            self._journal.cancel_running(str(self._stop.why))
        elif ending.state != RUNNING:
            self._end(name, trial, ending, number)
        return None

    def _end(self, name: str, trial: RayTrial, ending: Ended, number: int) -> None:
        if name.startswith("completed after"):
            self._callback.on_trial_recover(1, [], trial)
            self._report(trial, ending.values)
        if name == "audited":
            self._verdicts[number] = 1
        seconds = 2 * MOST_SECONDS if name == "above a limit" else 1.0
        result = self._result(ending.values, seconds) | {"finished": ending.state == COMPLETE, "done": True}
        self._journal.breaks_limit(number, result)
        self._callback.on_trial_result(1, [], trial, result)
        trial.last_result = result
        self._callback.on_trial_complete(1, [], trial)

    def _fail(self, trial: RayTrial, reason: str | None, error: str | None) -> None:
        trial.last_result = {"failure": {"reason": reason, "error": error}, "done": True}
        self._callback.on_trial_result(1, [], trial, trial.last_result)
        self._callback.on_trial_complete(1, [], trial)

    def _report(self, trial: RayTrial, values: Sequence[float | None]) -> None:
        self._callback.on_trial_result(1, [], trial, self._result(values))

    def _result(self, values: Sequence[float | None], seconds: float = 1.0) -> dict[str, Any]:
        best = max(value for value in values if value is not None)
        last = {} if values[-1] is None else {OBJECTIVE: values[-1]}
        costs = {"train/seconds": seconds, "train/memory_bytes": 1e9, PARAMETERS: 70}
        return epoch(len(values), best, values.index(best) + 1, best) | costs | {OBJECTIVE: None} | last


Facts = dict[int, dict[str, Any]]
"""What one place says of each trial, by its number; parameters as text, since the dashboard has them so."""


def in_store(store: Store, objectives: Sequence[str]) -> Facts:
    """As our tables have it."""
    values = store.values("s").pivot(index="number", columns="name", values="value")
    found: Facts = {}
    for row in store.trials("s").replace({np.nan: None}).to_dict("records"):
        metrics = store.metrics([row["trial_id"]], "valid")
        is_whole = row["state"] in (COMPLETE, PRUNED)
        error = row["error"].splitlines()[-1] if row["error"] else None
        found[row["number"]] = {
            "state": row["state"],
            "reason": row["reason"],
            "error": error,
            "values": [values.loc[row["number"], name] for name in objectives] if is_whole else None,
            "params": {name: str(value) for name, value in row["params"].items()},
            "intermediate_values": dict(zip(metrics["epoch"], metrics["value"], strict=True)),
        }
    return found


def in_optuna(study: optuna.Study) -> Facts:
    """As Optuna's tables have it, without what waits."""
    return {
        trial.number: {
            "state": trial.state.name,
            "reason": trial.user_attrs.get("reason"),
            "error": trial.user_attrs.get("error"),
            "values": trial.values,
            "params": {name: str(value) for name, value in trial.params.items()},
            "intermediate_values": trial.intermediate_values,
        }
        for trial in study.trials
        if trial.state != TrialState.WAITING
    }


def in_dashboard(study: Mapping[str, Any]) -> Facts:
    """As optuna-dashboard's `/api/studies/<id>` gives it, without what waits."""
    found: Facts = {}
    for trial in study["trials"]:
        attributes = {attribute["key"]: attribute["value"] for attribute in trial["user_attrs"]}
        found[trial["number"]] = {
            "state": trial["state"].upper(),
            "reason": attributes.get("reason"),
            "error": attributes.get("error"),
            "values": trial.get("values"),
            "params": {each["name"]: each["param_external_value"] for each in trial["params"]},
            "intermediate_values": {each["step"]: each["value"] for each in trial["intermediate_values"]},
        }
    return {number: facts for number, facts in found.items() if facts["state"] != WAITING}
