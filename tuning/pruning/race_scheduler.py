"""Between Ray's trials and the race."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tuning.pruning.audited import EPOCH, Audited
from tuning.pruning.racing import Race
from tuning.user_ranks import USER_RANKS


class RaceScheduler(FIFOScheduler):
    """Stops a trial that is confidently behind. Trials are known by their numbers."""

    def __init__(self, looks: Collection[int], alpha: float, values_of: Callable[[bytes], np.ndarray]):
        super().__init__()
        self._race = Race(frozenset(looks), alpha)
        self._values_of = values_of
        """Of each user, from the ranks reported, greater is better."""

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial that goes on with one of an earlier driver has its place in the race."""
        if (earlier := trial.config.get("retry_of")) is not None:
            self._race.rename(earlier, trial.config["number"])

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial goes on; of an epoch that was not validated there is nothing to say."""
        values = self._record(trial, result)
        number = trial.config["number"]
        if values is None or not self._race.is_behind(number, result[EPOCH], values):
            return TrialScheduler.CONTINUE
        return TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Others are held against its last epoch, too."""
        self._record(trial, result)
        self._race.forget(trial.config["number"])

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """It is judged no more."""
        self._race.forget(trial.config["number"])

    def _record(self, trial: Any, result: dict[str, Any]) -> np.ndarray | None:
        if (ranks := result.get(USER_RANKS)) is None:
            return None
        values = self._values_of(ranks)
        self._race.record(trial.config["number"], result[EPOCH], values)
        return values


class AuditedRace(Audited, RaceScheduler):
    """The race with its spared and audited trials."""

    @property
    def rung_epochs(self) -> list[int]:
        """Epochs after which trials are judged, in their order."""
        return sorted(self._race.looks)
