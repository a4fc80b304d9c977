"""What all pruners have in common: trials that train to their end against the verdict, and a record of the verdicts."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import TrialScheduler

EPOCH = "epoch"


@dataclass(frozen=True)
class Audit:
    """Of the trials that the pruner gives up, which train to their end all the same."""

    share: float
    """0 to 1. Unless it is 0, the first one of a study is always among them."""
    seed: int

    def wants(self, number: int, is_first: bool) -> bool:
        """Whether a trial is to be finished; the same answer for the same trial, so that a replay agrees."""
        drawn = random.Random(f"{self.seed} {number}").random() < self.share
        return self.share > 0 and (is_first or drawn)


class Audited(TrialScheduler):
    """Mixed into a scheduler, lets two kinds of trials train to their end against its verdict.

    One is the configuration at hand, so that every other can be compared with it. It is known by its parameters, since
    it has another number where it goes on after its driver died, and counts like any trial. The others are audited:
    they show what stopping them would have lost, and no longer count, as if they had been stopped.
    """

    def __init__(self, spared: Mapping[str, Any], audit: Audit, last_epoch: int, **options: Any):
        super().__init__(**options)
        self._spared = dict(spared)
        self._audit = audit
        self._last_epoch = last_epoch
        self.verdicts: dict[int, int] = {}
        """Epoch in which each trial was given up, by number, whether it was stopped or audited."""

    @property
    def rung_epochs(self) -> list[int]:
        """Epochs after which trials are judged, in their order; the last epoch of all is none."""
        raise NotImplementedError

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial goes on."""
        number, epoch = trial.config["number"], result.get(EPOCH, 0)
        if number in self.verdicts:
            return TrialScheduler.STOP if epoch >= self._last_epoch else TrialScheduler.CONTINUE
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision != TrialScheduler.STOP or epoch >= self._last_epoch:
            return decision
        if trial.config["params"] == self._spared:
            return TrialScheduler.CONTINUE
        is_first = not self.verdicts
        self.verdicts[number] = epoch
        return TrialScheduler.CONTINUE if self._audit.wants(number, is_first) else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Its last value counts, unless it was given up before."""
        if trial.config["number"] in self.verdicts:
            self.on_trial_remove(tune_controller, trial)
        else:
            super().on_trial_complete(tune_controller, trial, result)
