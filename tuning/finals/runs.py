"""Configurations trained again on Ray: each run trains one on a seed and then looks at a split, once.

Of a finalist that is test, of what is compared otherwise validation.
"""

import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import ray
from ray.exceptions import RayError

from athwe.allocator import keep_freed_memory
from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from athwe.data.split import Split
from athwe.evaluation.list_measures import measure_lists, selecting_cutoff
from athwe.evaluation.recommendations import write_recommendations
from athwe.training.trainer import Trainer
from tuning.driving.signals import on_interrupt
from tuning.files.results import final_results_name
from tuning.files.storage import Storage
from tuning.finals.finalists import other_mode
from tuning.schema import PARAMETERS, WORKER_LOST
from tuning.training.endings import failure_of
from tuning.training.worker import forget_trial, import_ahead, limit_threads

_TRIES_AFTER_A_LOST_WORKER = 2
_TICK_SECONDS = 1.0


class Run(Protocol):
    """What is trained; may be a key, and says in words what it is."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Laid over the study's configuration."""
        ...

    @property
    def seed(self) -> int:
        """Of the training."""
        ...

    @property
    def name(self) -> str:
        """Below the storage path: what is kept of the run begins with it."""
        ...


SomeRun = TypeVar("SomeRun", bound=Run)
HeardRun = TypeVar("HeardRun", bound=Run, contravariant=True)


class Listener(Protocol[HeardRun]):
    """Who hears what comes of the runs, in the driver."""

    def tick(self) -> None:
        """About once a second."""

    def epoch(self, run: HeardRun, message: Mapping[str, Any]) -> None:
        """A run trained an epoch: `epoch`, `best_epoch`, `best_value`."""

    def looked(self, run: HeardRun, metrics: Mapping[str, float], not_kept: str | None) -> None:
        """A run has come to its end and has looked; `not_kept` says why its model could not be written."""

    def failed(self, run: HeardRun, reason: str, error: str) -> None:
        """A run ended without a look."""


class FinalWorker:
    """Trains one run after another, an epoch a step. The step after a run's last epoch looks at the split."""

    def __init__(
        self, dataset: Dataset, config: Config, cores: int, storage: Storage | None = None, split: Split = "test"
    ):
        limit_threads(cores)
        keep_freed_memory()
        import_ahead()
        self._dataset, self._config, self._storage = dataset, config, storage
        self._split: Split = split

    def begin(self, params: Mapping[str, Any], seed: int, model_name: str = "") -> None:
        """The next run, whose model is kept under a name; nothing is built yet, so that only steps can fail."""
        self._model_name = model_name
        self._values = {**params, "seed": seed}
        self._trainer: Trainer | None = None
        forget_trial()

    def step(self) -> dict[str, Any]:
        """Train an epoch and tell of it; after the last one, give the split's metrics. A `failure` ends a run, too."""
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
        """Look at the split, and keep what every user got; of a look at test, which counts without room for it, too,
        the model as well.
        """
        with trainer.best_model():
            ranking = trainer.rank(self._split)
            found: dict[str, Any] = {self._split: trainer.metrics_of(ranking, self._split)}
            if self._split == "test":
                mask_seen = trainer.config.mask_seen
                in_other_mode = trainer.rank("test", mask_seen=not mask_seen)
                found["test"] |= trainer.metrics_of(in_other_mode, other_mode(mask_seen))
        if self._storage is None:
            return found
        measures = measure_lists(ranking, self._dataset, self._split, selecting_cutoff(trainer.config.valid_key))
        about = {PARAMETERS: trainer.model.parameter_count, "best_epoch": trainer.best_epoch}
        write = partial(write_recommendations, ranking, self._dataset, measures=measures, about=about)
        if self._split != "test":  # what is kept is all that the run is for
            self._storage.write(final_results_name(self._model_name), write)
            return found
        try:
            self._storage.write(final_results_name(self._model_name), write)
            self._storage.write(self._model_name, trainer.save_model)
        except OSError as error:
            found["not_kept"] = error.strerror or str(error)
        return found


@dataclass
class _Seat(Generic[SomeRun]):
    """A worker and what it works on."""

    worker: Any
    """Ray's handle of a `FinalWorker`."""
    run: SomeRun
    lost: int = 0
    """Workers that this run has lost."""


def run_finals(
    runs: Sequence[SomeRun],
    dataset: Dataset,
    config: Config,
    listener: Listener[SomeRun],
    *,
    storage: Storage | None = None,
    split: Split = "test",
    concurrency: int,
    cpus: int,
    gpus: float,
) -> None:
    """Work through the runs. Ray is started already; a run whose worker was lost begins anew, twice at most.

    Args:
        storage: where each run's per-user results, and of a look at test its model, are written; None: nowhere.
        split: what each run looks at in the end.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was looked at by then is told.
    """
    shared = ray.put(dataset)
    waiting, idle = deque((run, 0) for run in runs), list[Any]()
    at_work: dict[ray.ObjectRef, _Seat[SomeRun]] = {}
    new_worker = ray.remote(FinalWorker).options(num_cpus=cpus, num_gpus=gpus).remote
    interrupted: list[bool] = []
    with on_interrupt(lambda: interrupted.append(True)):
        while waiting or at_work:
            while waiting and len(at_work) < concurrency:
                worker = idle.pop() if idle else new_worker(shared, config, cpus, storage, split)
                seat = _Seat(worker, *waiting.popleft())
                seat.worker.begin.remote(dict(seat.run.params), seat.run.seed, seat.run.name)
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
                _tell(listener, seat.run, message, split)


def _tell(listener: Listener[SomeRun], run: SomeRun, message: Mapping[str, Any], split: Split) -> None:
    if "epoch" in message:
        listener.epoch(run, message)
    elif split in message:
        listener.looked(run, message[split], message.get("not_kept"))
    else:
        listener.failed(run, **message["failure"])


def _retry_or_fail(
    seat: _Seat[SomeRun], error: RayError, waiting: deque[tuple[SomeRun, int]], listener: Listener[SomeRun]
) -> None:
    ending = failure_of(error)
    if ending.reason == WORKER_LOST and seat.lost < _TRIES_AFTER_A_LOST_WORKER:
        waiting.appendleft((seat.run, seat.lost + 1))
    else:
        listener.failed(seat.run, ending.reason or "", ending.error or "")
