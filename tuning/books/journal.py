"""The driver's book of trials: writes every event to the store and to Optuna's tables, so that both agree.

Writes wait in a queue while the database is away, in order, and are tried again; training goes on meanwhile.
"""

import json
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study

from athwe.evaluation_config import worst_slice_key
from tuning.books.driver import Heartbeat
from tuning.books.optuna_trials import OptunaTrials
from tuning.books.record import TrialRecord
from tuning.books.writes import WriteQueue
from tuning.files.disk import Disk
from tuning.files.results import copy_results
from tuning.files.retention import ancestors
from tuning.planning.limits import broken, fallen_short
from tuning.planning.spec import Limits
from tuning.schema import (
    CANCELLED,
    CUT_OFF,
    FAIL,
    INVALID,
    MEMORY_BYTES,
    PARAMETERS,
    PRUNED,
    REPORTED_SECONDS,
    RUNNING,
    TRAIN_SECONDS,
)
from tuning.store import Store, now
from tuning.training.endings import Ending
from tuning.user_ranks import USER_RANKS

logger = logging.getLogger(__name__)


class Journal:
    """Only the driver's main thread writes here."""

    def __init__(
        self,
        store: Store,
        study: Study,
        objectives: Sequence[str],
        disk: Disk,
        limits: Limits | None = None,
        heartbeat: Heartbeat | None = None,
    ):
        self.study_name = study.study_name
        self.records: dict[int, TrialRecord] = {}
        """Trials by number, those of earlier drivers of the study too."""
        self._store = store
        self._objectives = list(objectives)
        self._worst_slice = worst_slice_key(self._objectives[0])
        self._disk = disk
        self._limits = limits or Limits()
        self._optuna = OptunaTrials(study, self._objectives, self._limits)
        self._writes = WriteQueue(heartbeat)
        row = store.study(study.study_name)
        self._created_at = now() if row is None else row["created_at"]

    @property
    def was_taken_over(self) -> bool:
        """Whether another driver works on the study: what is still to be written is dropped."""
        return self._writes.was_taken_over

    def load(self, awaited: Collection[int] = ()) -> None:
        """Take over the trials that earlier drivers of the study have written.

        Args:
            awaited: numbers of those from whose checkpoints others are enqueued to go on.
        """
        for row in self._store.trials(self.study_name).replace({np.nan: None}).to_dict("records"):
            self.records[row["number"]] = TrialRecord.of_row(row)
        for row in self._store.values(self.study_name).to_dict("records"):
            record = self.records[int(row["number"])]
            if row["name"] == TRAIN_SECONDS:
                record.epoch_seconds = {0: row["value"]}
            elif row["name"] == PARAMETERS:
                record.parameters = int(row["value"])
            elif row["name"] == self._worst_slice and record.best_epoch is not None:
                record.worst_slices = {record.best_epoch: row["value"]}
        wanted = {*awaited, *(earlier for number in awaited for earlier in ancestors(self.records, number))}
        for number, record in self.records.items():
            if number not in wanted and record.state != RUNNING and record.reason not in CUT_OFF:
                self._drop_checkpoints(number)
        self._disk.tidy(self.records)

    def trial_id(self, number: int) -> str:
        """The key of a trial in the store and in file names."""
        return f"{self.study_name}.{number}"

    def proposed(
        self, number: int, params: Mapping[str, Any], retry_of: int | None = None, checkpoint: str | None = None
    ) -> None:
        """Optuna proposed a trial that is going to run; with `retry_of` it goes on with that one from `checkpoint`."""
        record = self.records[number] = TrialRecord(number, dict(params), retry_of=retry_of, checkpoint=checkpoint)
        row = self._row(number) | {"state": RUNNING, "params_json": json.dumps(dict(params)), "retry_of": retry_of}
        if retry_of is None or checkpoint is None:
            self._write(lambda: self._store.save_trial(row))
            return
        earlier = self.records[retry_of]
        record.pruned_epoch, record.best_epoch = earlier.pruned_epoch, earlier.best_epoch
        record.best_value = earlier.best_value
        row |= {"pruned_epoch": record.pruned_epoch, "best_epoch": record.best_epoch, "value": record.best_value}
        row |= {"checkpoint": checkpoint}
        old, new = self.trial_id(retry_of), self.trial_id(number)
        # Files first, then row and epochs at once: whoever goes on with the row finds everything.
        self._write(lambda: self._copy_results(old, new))
        self._write(lambda: self._store.save_continued_trial(row, old))
        self._write(lambda: self._tell_epochs(retry_of, number))

    def rejected(self, number: int, params: Mapping[str, Any], why: str) -> None:
        """Optuna proposed a trial that cannot run, or need not."""
        at, ending = now(), Ending(FAIL, INVALID, why)
        facts = {"state": FAIL, "reason": INVALID, "error": why, "started_at": at, "ended_at": at}
        record = self.records[number] = TrialRecord(number, dict(params), **facts)
        # Optuna first: without a row of ours it is known to have never begun.
        self._write(lambda: self._optuna.end(record, ending, {}))
        self._save(number, params_json=json.dumps(dict(params)), **facts)

    def started(self, number: int) -> None:
        """A worker began with the trial, for the first time or after it was lost."""
        record = self.records[number]
        if record.started_at is None:
            record.started_at = now()
            self._save(number, started_at=record.started_at)

    def reported(self, number: int, result: Mapping[str, Any]) -> None:
        """An epoch ended: `epoch`, `best_epoch`, `best_value`, metrics keyed `<split>/<name>`, perhaps ranks."""
        record, epoch = self.records[number], int(result["epoch"])
        metrics = {key: value for key, value in result.items() if "/" in key and isinstance(value, int | float)}
        metrics[REPORTED_SECONDS] = (now() - self._created_at).total_seconds()
        record.epoch, record.value = epoch, metrics.get(self._objectives[0])
        self._cost(record, result)
        record.best_epoch, record.best_value = result["best_epoch"], result["best_value"]
        if self._worst_slice in metrics:
            record.worst_slices[epoch] = metrics[self._worst_slice]
        self._write(lambda: self._store.save_metrics(self.trial_id(number), epoch, metrics))
        if (ranks := result.get(USER_RANKS)) is not None:
            self._write(lambda: self._store.save_user_ranks(self.trial_id(number), epoch, ranks))
        self._save(number, best_epoch=record.best_epoch, value=record.best_value)
        if record.value is not None and math.isfinite(record.value):
            value = float(record.value)
            self._write(lambda: self._optuna.report(number, epoch, value))

    def breaks_limit(self, number: int, result: Mapping[str, Any]) -> bool:
        """Whether a trial needs more than it may, with an epoch that is about to be reported."""
        record = self.records[number]
        self._cost(record, result)
        record.over_limit = broken(self._limits, record.train_seconds, record.memory_bytes)
        return record.over_limit is not None

    def falls_short(self, number: int) -> str | None:
        """What a trial that came to its own end lacks, in words; nothing is known of one that was stopped before."""
        return fallen_short(self._limits, self.records[number].worst_slice)

    def given_up(self, number: int, epoch: int) -> None:
        """The pruner gave a trial up in this epoch, which trains on all the same, to be audited."""
        record = self.records[number]
        if record.pruned_epoch is None:
            record.pruned_epoch = epoch
            self._save(number, pruned_epoch=epoch)

    def checkpointed(self, number: int, path: str) -> None:
        """The trial can go on from `path`."""
        self.records[number].checkpoint = path
        self._save(number, checkpoint=path)
        self._drop_checkpoints(*ancestors(self.records, number))
        self._state_budget(number)
        self._write(lambda: self._disk.keep_to_budget(self.records, at_most_every_seconds=10.0))

    def ended(self, number: int, ending: Ending) -> None:
        """The trial is over. Its value is that of its best epoch, in both tables."""
        record = self.records[number]
        record.state, record.reason, record.error, record.ended_at = ending.state, ending.reason, ending.error, now()
        value = None if ending.state == FAIL else record.best_value
        if ending.state == PRUNED and ending.reason is None:
            record.pruned_epoch = record.epoch
        worst = {} if record.worst_slice is None else {self._worst_slice: record.worst_slice}
        values = record.costs | worst | ({} if value is None else {self._objectives[0]: float(value)})
        if value is not None:
            self._write(lambda: self._store.save_values(self.trial_id(number), values))
        self._write(lambda: self._optuna.end(record, ending, values))
        self._save(
            number,
            state=ending.state,
            reason=ending.reason,
            error=ending.error,
            ended_at=record.ended_at,
            value=value,
            pruned_epoch=record.pruned_epoch,
        )
        if ending.reason not in CUT_OFF:
            self._state_budget(number)
            self._drop_checkpoints(number, *ancestors(self.records, number))
            self._write(lambda: self._disk.delete_models(self.records))

    def cancel_running(self, why: str) -> None:
        """Whatever has no ending yet was in flight when the search stopped."""
        for number in [number for number, record in self.records.items() if record.state == RUNNING]:
            self.ended(number, Ending(FAIL, CANCELLED, why))

    def _cost(self, record: TrialRecord, result: Mapping[str, Any]) -> None:
        if "train/seconds" in result:
            record.epoch_seconds[int(result["epoch"])] = float(result["train/seconds"])
        record.memory_bytes = max(record.memory_bytes, float(result.get(MEMORY_BYTES, 0)))
        record.parameters = result.get(PARAMETERS, record.parameters)

    def flush(self) -> bool:
        """Write what waits; whether all of it is written and the study is still this driver's (`WriteQueue.flush`)."""
        return self._writes.flush()

    def close(self, timeout_seconds: float = 60.0) -> None:
        """Write what waits; nothing where another driver has taken the study over.

        Raises:
            StoreError: the store did not come back in time.
        """
        self._write(lambda: self._disk.keep_to_budget(self.records))  # Ray has written its last, too
        self._writes.finish(timeout_seconds)

    def _write(self, write: Callable[[], None]) -> None:
        self._writes.add(write)

    def _save(self, number: int, **values: Any) -> None:
        row = self._row(number) | values
        self._write(lambda: self._store.save_trial(row))

    def _row(self, number: int) -> dict[str, Any]:
        return {"trial_id": self.trial_id(number), "study_name": self.study_name, "number": number}

    def _drop_checkpoints(self, *numbers: int) -> None:
        """No trial goes on from these any more: the store forgets them, then they are deleted."""
        records = [record for number in numbers if (record := self.records[number]).checkpoint]
        paths = {record.checkpoint for record in records if record.checkpoint}
        for record in records:
            record.checkpoint = None
            self._save(record.number, checkpoint=None)
        if paths:
            self._write(lambda: self._disk.delete_checkpoints(paths))

    def _state_budget(self, number: int) -> None:
        if self.records[number].best_epoch is not None:
            self._disk.state_budget(number, self.records[number].checkpoint)

    def _copy_results(self, old: str, new: str) -> None:
        try:
            copy_results(self._disk.storage, old, new)
        except OSError as error:  # the trial goes on and writes its own at its next best epoch
            logger.warning("the results of trial %s could not be copied for %s: %s", old, new, error)

    def _tell_epochs(self, old: int, new: int) -> None:
        """Tell Optuna the epochs that a trial has from the one it goes on with; those past the checkpoint run again."""
        record = self.records[new]
        for key, known in (("train/seconds", record.epoch_seconds), (self._worst_slice, record.worst_slices)):
            split, _, name = key.partition("/")
            rows = self._store.metrics([self.trial_id(new)], split, [name])
            for epoch, value in zip(rows["epoch"].tolist(), rows["value"].tolist(), strict=True):
                known.setdefault(epoch, value)
        self._optuna.copy_reports(old, new)
