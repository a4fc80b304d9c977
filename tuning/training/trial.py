"""Trials, in the actor: the one place where athwe meets Ray."""

import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.train._internal.session import _TrainingResult
from ray.tune.result import DONE, SHOULD_CHECKPOINT

from athwe.allocator import keep_freed_memory
from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from athwe.data.cache import builds
from athwe.errors import CheckpointError
from athwe.evaluation.list_measures import measure_lists, selecting_cutoff
from athwe.evaluation.recommendations import write_recommendations
from athwe.training.trainer import EpochResult, Trainer
from tuning.files.results import diagnostics_name, model_name, recommendations_name, stacks_name
from tuning.files.storage import Storage, is_full
from tuning.schema import MEMORY_BYTES, PARAMETERS, TIMED_OUT
from tuning.training.endings import failure_of
from tuning.training.watchdog import watched
from tuning.training.worker import (
    forget_trial,
    import_ahead,
    limit_threads,
    peak_memory_bytes,
    reset_peak_memory,
    resident_bytes,
    thread_counts,
)
from tuning.user_ranks import USER_RANKS, ranks_to_bytes

START_SECONDS = "train/start_seconds"
"""Metric of a trial's first epoch: from when a ready worker got the trial to its first step."""
_STATE = "state"
"""Folder of the training state inside a checkpoint."""


@dataclass(frozen=True)
class TrialSetting:
    """What the trials of a study have in common."""

    dataset: Dataset
    """Read-only arrays out of Ray's object store, one copy a node."""
    config: Config
    """What the parameters are laid over."""
    study_name: str
    """With the number, the name of a trial's files."""
    storage: Storage
    """Of the study's files, reachable from every node."""
    timeout_seconds: float | None = None
    """An epoch that takes longer than this hangs."""
    driver: str = ""
    """Tells what its workers leave behind from what those of others left for a trial of the same name."""
    race_users: int = 0
    """Most users whose validation ranks are reported with every epoch."""


class TrialRun:
    """One proposal at work.

    It has `number`, `params` by config key, and `resume_checkpoint` of the trial that it goes on with, or None.
    """

    def __init__(self, setting: TrialSetting, proposal: Mapping[str, Any], got_at: float | None = None):
        self._got_at = time.perf_counter() if got_at is None else got_at
        self._setting = setting
        self._proposal = proposal
        self._trainer: Trainer | None = None
        self._epochs: Iterator[EpochResult] = iter(())
        self._built_before = builds.copy()
        reset_peak_memory()
        self._worker: dict[str, Any] = {"pid": os.getpid(), "resident_bytes_before": resident_bytes()}
        """Of the process, for the diagnostics."""

    @property
    def _trial_id(self) -> str:
        return f"{self._setting.study_name}.{self._proposal['number']}"

    @property
    def hung(self) -> str | None:
        """What a worker was doing that had this trial before and hung."""
        storage, name = self._setting.storage, stacks_name(self._trial_id, self._setting.driver)
        has_left = self._setting.timeout_seconds is not None and storage.exists(name)
        return storage.read(name).decode() if has_left else None

    def leave_stacks(self, stacks: str) -> None:
        """Keep what this worker is doing for the one that gets the trial after it."""
        self._setting.storage.write_text(stacks_name(self._trial_id, self._setting.driver), stacks)

    def start(self, checkpoint: str | Path | None) -> Trainer:
        """Build the trainer, to go on from a checkpoint or from the beginning."""
        self._trainer = trainer = Trainer(
            override_config(self._setting.config, self._proposal["params"]), self._setting.dataset
        )
        if checkpoint is not None:
            trainer.restore(Path(checkpoint) / _STATE)
        self._epochs = trainer.epochs()
        return trainer

    def _start_as_proposed(self) -> Trainer:
        """From the checkpoint of another driver's trial, where the proposal names one that can be read."""
        path = self._proposal["resume_checkpoint"]
        if path is None:
            return self.start(None)
        try:
            with self._setting.storage.local_copy(path) as checkpoint:
                return self.start(checkpoint)
        except (CheckpointError, FileNotFoundError) as error:  # the same epochs once more cost time, nothing else
            self._worker["started_over"] = str(error)
            return self.start(None)

    def prepare(self) -> None:
        """Build what the first epoch needs, which may wait for another trial that builds the same."""
        if self._trainer is None:
            self._start_as_proposed()

    def epoch(self) -> dict[str, Any]:
        """Train an epoch and give what is reported of it."""
        self.prepare()
        trainer = self._trainer
        assert trainer is not None
        extra: dict[str, float] = {}
        if "start_seconds" not in self._worker:
            self._worker["start_seconds"] = extra[START_SECONDS] = time.perf_counter() - self._got_at
        result = next(self._epochs, None)
        if result is None:  # lost after its last epoch, before its end was heard of
            return _message(trainer, {})
        if result.improved:
            self._publish(trainer, result)
        extra[MEMORY_BYTES] = peak_memory_bytes(trainer.device)
        return _message(trainer, result.metrics | extra) | self._user_ranks(result)

    def _user_ranks(self, result: EpochResult) -> dict[str, bytes]:
        if result.ranking is None or not self._setting.race_users:
            return {}
        return {USER_RANKS: ranks_to_bytes(result.ranking.target_rank, self._setting.race_users)}

    def save(self, folder: Path) -> None:
        """Write the training state; asked for between epochs only."""
        assert self._trainer is not None, "no epoch was trained yet"
        self._trainer.save(folder / _STATE)

    def _publish(self, trainer: Trainer, result: EpochResult) -> None:
        """What the dashboard and a user want of the best epoch; each file replaces an earlier one as a whole."""
        storage, trial_id = self._setting.storage, self._trial_id
        ranking, dataset = result.ranking, self._setting.dataset
        assert ranking is not None, "an epoch that was not validated cannot be the best"
        measures = measure_lists(ranking, dataset, "valid", selecting_cutoff(trainer.config.valid_key))
        write = partial(write_recommendations, ranking, dataset, measures=measures)
        storage.write(recommendations_name(trial_id), write)
        storage.write(model_name(trial_id), trainer.save_model)
        worker = self._worker | {
            "resident_bytes": resident_bytes(),
            "threads": thread_counts(),
            "shares_data": not self._setting.dataset.item.flags.writeable,
            "built": dict(builds - self._built_before),
        }
        found = trainer.diagnostics() | {"beyond_accuracy": measures.to_json(), "worker": worker}
        storage.write_text(diagnostics_name(trial_id), json.dumps(found))


def _message(trainer: Trainer, metrics: Mapping[str, float]) -> dict[str, Any]:
    finished = trainer.is_finished
    return {
        **metrics,
        "epoch": trainer.epoch,
        "best_epoch": trainer.best_epoch,
        "best_value": trainer.best_value,
        "finished": finished,
        PARAMETERS: trainer.model.parameter_count,
        DONE: finished,
        SHOULD_CHECKPOINT: not finished,
    }


class TrialWorker(tune.Trainable):
    """Trains one proposal after another, an epoch a step; Tune asks for a checkpoint after each.

    All of it in the actor's main thread: a function trainable gets a new thread a trial, and so a malloc arena of its
    own, which glibc never gives back.
    """

    def setup(self, config: dict[str, Any], *, setting: TrialSetting, cores: int) -> None:
        """A new process, with its first proposal and the number of cores that it may use."""
        limit_threads(cores)
        keep_freed_memory()
        import_ahead()
        self._setting = setting
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next proposal."""
        got_at = time.perf_counter()
        self._run: TrialRun | None = None
        self._failure: dict[str, Any] | None = None
        forget_trial()
        self._run = TrialRun(self._setting, new_config, got_at)
        return True

    def load_checkpoint(self, checkpoint: str) -> None:
        """Go on from a checkpoint of this trial, whose worker was lost."""
        assert self._run is not None
        try:
            self._run.start(checkpoint)
        except Exception as error:
            self._fail(error)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write a checkpoint; a trial that failed has nothing to go on from, though Ray asks for one at every end."""
        assert self._run is not None
        if self._failure is None:
            self._run.save(Path(checkpoint_dir))

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """Write a checkpoint and let Ray bring it to the storage path.

        Where that is full, the next step reports it: Ray would take the error for a lost worker and try again.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="athwe-") as folder:  # Ray would leave it there after an error
                return super().save(checkpoint_dir or folder)
        except OSError as error:
            if not is_full(error):
                raise
            self._fail(error)
            half = self._storage and self._setting.storage.name_of(self._storage.checkpoint_fs_path)
            if half:
                self._setting.storage.delete(half)
            return _TrainingResult(checkpoint=None, metrics={})

    def step(self) -> dict[str, Any]:
        """Train an epoch.

        An exception is reported like an epoch instead of raised: Ray would take any error for a lost worker and try
        the trial again, and a diverged one diverges again.
        """
        assert self._run is not None
        if self._failure is None and (stacks := self._run.hung):
            seconds = self._setting.timeout_seconds
            self._failure = {"reason": TIMED_OUT, "error": f"{stacks}\nan epoch took longer than {seconds:g} s"}
        if self._failure is None:
            try:
                self._run.prepare()
                with watched(self._setting.timeout_seconds, self._run.leave_stacks):
                    return self._run.epoch()
            except Exception as error:
                self._fail(error)
        return {"failure": self._failure, DONE: True}

    def _fail(self, error: Exception) -> None:
        ending = failure_of(error, traceback.format_exc())
        self._failure = {"reason": ending.reason, "error": ending.error}
