"""Which trial trains on: ASHA, apart from the configuration at hand and from trials that are to judge ASHA itself."""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from tuning.planning.spec import Spec

EPOCH = "epoch"
_EARLIER = "earlier-{}"
"""Name on the rungs of a trial of an earlier driver."""


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


class AuditedASHA(ASHAScheduler):
    """ASHA that lets two kinds of trials train to their end against its own verdict.

    One is the configuration at hand, so that every other can be compared with it. It is known by its parameters, since
    it has another number where it goes on after its driver died, and counts on the rungs like any trial. The others are
    audited: they show what stopping them would have lost, and no longer count, as if they had been stopped.
    """

    def __init__(self, spared: Mapping[str, Any], audit: Audit, max_t: int, **options: Any):
        super().__init__(max_t=max_t, **options)
        self._spared = dict(spared)
        self._audit = audit
        self._last_epoch = max_t
        self.verdicts: dict[int, int] = {}
        """Epoch in which each trial was given up, by number, whether it was stopped or audited."""

    @property
    def rung_epochs(self) -> list[int]:
        """Epochs after which trials are judged, in their order; the last epoch of all is none."""
        (bracket,) = self._brackets
        milestones = sorted(math.ceil(milestone) for milestone, _ in bracket._rungs)
        return [epoch for epoch in milestones if epoch < self._last_epoch]

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial that goes on with one of an earlier driver has its places on the rungs."""
        super().on_trial_add(tune_controller, trial)
        earlier = _EARLIER.format(trial.config.get("retry_of"))
        for _, recorded in (rung for bracket in self._brackets for rung in bracket._rungs):
            if earlier in recorded:
                recorded[trial.trial_id] = recorded.pop(earlier)

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
        """Its last value counts on its rung, unless it was given up before."""
        if trial.config["number"] in self.verdicts:
            self.on_trial_remove(tune_controller, trial)
        else:
            super().on_trial_complete(tune_controller, trial, result)


@dataclass(frozen=True)
class Report:
    """One epoch's value of the objective, as the driver heard of it."""

    number: int
    params: Mapping[str, Any]
    epoch: int
    value: float


def make_scheduler(spec: Spec, **changes: Any) -> AuditedASHA | FIFOScheduler:
    """The Ray scheduler that prunes, by our own 1-based epoch.

    Args:
        spec: of the study.
        changes: fields of its pruner's settings that are to be others, to ask what they would have done.
    """
    pruner = spec.settings.pruner.model_copy(update=changes)
    if pruner.name == "none":
        return FIFOScheduler()
    epochs = spec.config.epochs
    return AuditedASHA(
        spared=spec.settings.space.of(spec.config),
        audit=Audit(pruner.audit_share, spec.config.seed),
        time_attr=EPOCH,
        metric=spec.objective,
        mode="max" if spec.direction == "maximize" else "min",
        max_t=epochs,
        grace_period=pruner.first_rung(epochs),
        reduction_factor=pruner.reduction_factor,
    )


def replay(scheduler: AuditedASHA, objective: str, reports: Iterable[Report]) -> None:
    """Give a new scheduler the reports of an earlier driver in their order: it has the rungs and verdicts of then.

    What a trial reported after its verdict is passed over, like that of an audited one.
    """
    trials: dict[int, Any] = {}
    for report in reports:
        trial = trials.get(report.number)
        if trial is None:
            config = {"number": report.number, "params": dict(report.params)}
            trial = trials[report.number] = SimpleNamespace(trial_id=_EARLIER.format(report.number), config=config)
            scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
        scheduler.on_trial_result(None, trial, {EPOCH: report.epoch, objective: report.value})
