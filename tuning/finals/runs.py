"""Finalists at work on Ray: each run trains a trial again on a fresh seed and then looks at test, once."""

import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import ray
from ray.exceptions import RayError

from athwe.allocator import keep_freed_memory
from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from athwe.evaluation.list_measures import measure_lists, selecting_cutoff
from athwe.evaluation.recommendations import write_recommendations
from athwe.training.trainer import Trainer
from tuning.driving.signals import on_interrupt
from tuning.files.results import final_model_name, final_results_name
from tuning.files.storage import Storage
from tuning.finals.finalists import FinalRun, other_mode
from tuning.schema import WORKER_LOST
from tuning.training.endings import failure_of
from tuning.training.worker import forget_trial, import_ahead, limit_threads

_TRIES_AFTER_A_LOST_WORKER = 2
_TICK_SECONDS = 1.0


class Listener(Protocol):
    """Who hears what comes of the runs, in the driver."""

    def tick(self) -> None:
        """About once a second."""

    def epoch(self, run: FinalRun, message: Mapping[str, Any]) -> None:
        """A run trained an epoch: `epoch`, `best_epoch`, `best_value`."""

    def looked(self, run: FinalRun, metrics: Mapping[str, float], not_kept: str | None) -> None:
        """A run has come to its end and has looked at test; `not_kept` says why its model could not be written."""

    def failed(self, run: FinalRun, reason: str, error: str) -> None:
        """A run ended without a look."""


class FinalWorker:
    """Trains one run after another, an epoch a step. The step after a run's last epoch looks at test."""

    def __init__(self, dataset: Dataset, config: Config, cores: int, storage: Storage | None = None):
        limit_threads(cores)
        keep_freed_memory()
        import_ahead()
        self._dataset, self._config, self._storage = dataset, config, storage

    def begin(self, params: Mapping[str, Any], seed: int, model_name: str = "") -> None:
        """The next run, whose model is kept under a name; nothing is built yet, so that only steps can fail."""
        self._model_name = model_name
        self._values = {**params, "seed": seed}
        self._trainer: Trainer | None = None
        forget_trial()

    def step(self) -> dict[str, Any]:
        """Train an epoch and tell of it; after the last one, give the `test` metrics. A `failure` ends the run, too."""
        try:
            if self._trainer is None:
                self._trainer = Trainer(override_config(self._config, self._values), self._dataset)
                self._epochs = self._trainer.epochs()
            trainer = self._trainer
            if next(self._epochs, None) is None:
                return self._look(trainer)
            return {"epoch": trainer.epoch, "best_epoch": trainer.best_epoch, "best_value": trainer.best_value}
        except Exception as error:
            ending = failure_of(error, traceback.format_exc())
            return {"failure": {"reason": ending.reason, "error": ending.error}}

    def _look(self, trainer: Trainer) -> dict[str, Any]:
        """Look at test, and keep what every user got, and the model. Without room for them the look still counts."""
        mask_seen = trainer.config.mask_seen
        with trainer.best_model():
            ranking = trainer.rank("test")
            in_other_mode = trainer.rank("test", mask_seen=not mask_seen)
        metrics = trainer.metrics_of(ranking, "test") | trainer.metrics_of(in_other_mode, other_mode(mask_seen))
        found: dict[str, Any] = {"test": metrics}
        if self._storage is None:
            return found
        measures = measure_lists(ranking, self._dataset, "test", selecting_cutoff(trainer.config.valid_key))
        write = partial(write_recommendations, ranking, self._dataset, measures=measures)
        try:
            self._storage.write(final_results_name(self._model_name), write)
            self._storage.write(self._model_name, trainer.save_model)
        except OSError as error:
            found["not_kept"] = error.strerror or str(error)
        return found


@dataclass
class _Seat:
    """A worker and what it works on."""

    worker: Any
    """Ray's handle of a `FinalWorker`."""
    run: FinalRun
    lost: int = 0
    """Workers that this run has lost."""


def run_finals(
    runs: Sequence[FinalRun],
    dataset: Dataset,
    config: Config,
    listener: Listener,
    *,
    storage: Storage | None = None,
    concurrency: int,
    cpus: int,
    gpus: float,
) -> None:
    """Work through the runs. Ray is started already; a run whose worker was lost begins anew, twice at most.

    Args:
        storage: where each run's model and per-user results are written; None: nowhere.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was looked at by then is told.
    """
    shared = ray.put(dataset)
    waiting, idle = deque((run, 0) for run in runs), list[Any]()
    at_work: dict[ray.ObjectRef, _Seat] = {}
    new_worker = ray.remote(FinalWorker).options(num_cpus=cpus, num_gpus=gpus).remote
    interrupted: list[bool] = []
    with on_interrupt(lambda: interrupted.append(True)):
        while waiting or at_work:
            while waiting and len(at_work) < concurrency:
                seat = _Seat(idle.pop() if idle else new_worker(shared, config, cpus, storage), *waiting.popleft())
                finalist, seed = seat.run.finalist, seat.run.seed
                seat.worker.begin.remote(dict(finalist.params), seed, final_model_name(finalist.trial_id, seed))
                at_work[seat.worker.step.remote()] = seat
            ready, _ = ray.wait(list(at_work), timeout=_TICK_SECONDS)
            listener.tick()
            if interrupted:
                raise KeyboardInterrupt
            for reference in ready:
                seat = at_work.pop(reference)
                try:
                    message = ray.get(reference)
                except RayError as error:  # the worker is gone: what a run raises, it reports
                    _retry_or_fail(seat, error, waiting, listener)
                    continue
                if "epoch" in message:
                    at_work[seat.worker.step.remote()] = seat
                else:
                    idle.append(seat.worker)
                _tell(listener, seat.run, message)


def _tell(listener: Listener, run: FinalRun, message: Mapping[str, Any]) -> None:
    if "epoch" in message:
        listener.epoch(run, message)
    elif "test" in message:
        listener.looked(run, message["test"], message.get("not_kept"))
    else:
        listener.failed(run, **message["failure"])


def _retry_or_fail(seat: _Seat, error: RayError, waiting: deque[tuple[FinalRun, int]], listener: Listener) -> None:
    ending = failure_of(error)
    if ending.reason == WORKER_LOST and seat.lost < _TRIES_AFTER_A_LOST_WORKER:
        waiting.appendleft((seat.run, seat.lost + 1))
    else:
        listener.failed(seat.run, ending.reason or "", ending.error or "")
