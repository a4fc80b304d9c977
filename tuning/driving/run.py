"""Run a study's trials on Ray: scheduler, searcher and callback put together, and a stop that can be asked for."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from optuna import Study
from ray import tune
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager

from athwe.data import Dataset
from tuning.books.driver import DRIVER
from tuning.books.journal import Journal
from tuning.driving.callback import SearchCallback
from tuning.driving.log_to import log_callbacks
from tuning.driving.progress import Progress
from tuning.driving.signals import on_interrupt
from tuning.files.results import ray_name
from tuning.files.storage import Storage, is_full
from tuning.planning.spec import Spec
from tuning.proposing.sampler import OptunaSearcher
from tuning.pruning.audited import Audited
from tuning.pruning.pruner import Report, make_scheduler, replay
from tuning.store import now
from tuning.training.trial import TrialSetting, TrialWorker

logger = logging.getLogger(__name__)

_TRIES_AFTER_A_LOST_WORKER = 2

# After each checkpoint of a trial Ray would write down what it knows of all trials, which takes longer with each of
# them. A search is resumed from the store, and nothing ever reads that.
_ExperimentCheckpointManager.on_trial_checkpoint = lambda self, trial: None


class StopRequest(tune.Stopper):
    """Ends a run when asked to, or when its time is over. `why` says which; None while it goes on."""

    def __init__(self, time_budget_seconds: float | None, journal: Journal | None = None):
        self._journal = journal
        self.why: str | None = None
        self.interrupted = False
        self.storage_is_full = False
        self._budget_seconds = time_budget_seconds
        self._deadline = None if time_budget_seconds is None else time.monotonic() + time_budget_seconds

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles its whole configuration; a live engine cannot be pickled and is not needed there."""
        return {}

    def interrupt(self) -> None:
        """Ask for an end, as Ctrl-C does."""
        self.interrupted, self.why = True, "the search was interrupted"
        logger.warning("stopping: trials in flight keep their last checkpoint; once more ends at once")

    def for_want_of_room(self, storage: Storage) -> None:
        """Ask for an end, since no trial can write any more."""
        self.storage_is_full, self.why = True, f"the storage path {storage.url} is full: make room, then resume"

    @property
    def is_unfinished(self) -> bool:
        """Whether the study is to be resumed."""
        return self.interrupted or self.storage_is_full or (self._journal is not None and self._journal.was_taken_over)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stops a trial alone that needs more than it may."""
        if self._journal is None or "epoch" not in result:
            return False
        return self._journal.breaks_limit(result["config"]["number"], result)

    def stop_all(self) -> bool:
        """Whether every trial is to stop now; Tune asks about ten times a second."""
        if self.why is None and self._deadline is not None and time.monotonic() > self._deadline:
            self.why = f"the time budget of {self._budget_seconds:g} s was used up"
        if self.why is None and self._journal is not None and self._journal.was_taken_over:
            self.why = "another driver has taken the study over, since this one was silent for too long"
        return self.why is not None


@contextmanager
def ends_when_full(stop: StopRequest, storage: Storage) -> Iterator[None]:
    """Within, no room for a file of Ray's own is the end of the search, like no room for one of a trial's."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        stop.for_want_of_room(storage)


def run_trials(
    spec: Spec,
    dataset: Dataset,
    study: Study,
    journal: Journal,
    *,
    trials: int,
    earlier: Sequence[Report],
    storage: Storage,
    progress: Progress,
    stop: StopRequest,
    trainable: type[tune.Trainable] = TrialWorker,
) -> None:
    """Run `trials` trials, and tell the journal what comes of each. Ray is started already.

    Args:
        earlier: what trials reported to earlier drivers of the study, for the pruner's rungs.
        trainable: what trains, or seems to: it speaks as `TrialWorker` does.
    """
    setting = _setting(spec, dataset, storage)
    worker = tune.with_parameters(trainable, setting=setting, cores=spec.cpus_per_trial)
    scheduler = make_scheduler(spec)
    verdicts: dict[int, int] = {}
    if isinstance(scheduler, Audited):
        replay(scheduler, spec.objective, earlier)
        verdicts = scheduler.verdicts
    tuner = tune.Tuner(
        tune.with_resources(worker, {"cpu": spec.cpus_per_trial, "gpu": spec.gpus_per_trial}),
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearcher(study, spec.settings.space, spec.config, journal),
            scheduler=scheduler,
            num_samples=trials,
            max_concurrent_trials=spec.concurrency,
            reuse_actors=True,  # a trial then starts in 0.03 s instead of 3 s
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']:05d}",
        ),
        run_config=tune.RunConfig(
            name=f"{now():%Y%m%dT%H%M%S}",  # each driver of a study has a folder of its own
            **storage.for_ray(ray_name(spec.study)),
            callbacks=[
                SearchCallback(journal, progress, verdicts, partial(stop.for_want_of_room, storage)),
                *log_callbacks(spec.flags.get("log_to", ()), spec.study, storage),
            ],
            stop=stop,
            failure_config=tune.FailureConfig(max_failures=_TRIES_AFTER_A_LOST_WORKER),
            # Two, since the store may hear of the newer one late: what it names is there.
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2),
            verbose=0,
        ),
    )
    with progress, on_interrupt(stop.interrupt):
        tuner.fit()


def _setting(spec: Spec, dataset: Dataset, storage: Storage) -> TrialSetting:
    """What every trial of this driver is told."""
    return TrialSetting(
        dataset=dataset,
        config=spec.config,
        study_name=spec.study,
        storage=storage,
        timeout_seconds=spec.trial_timeout_seconds,
        driver=DRIVER.split()[-1],
        race_users=spec.settings.pruner.race_users,
    )
