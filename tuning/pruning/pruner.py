"""Which trial trains on: the pruner of a study, and the reports from which it can be built again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import FIFOScheduler

from tuning.planning.spec import Spec
from tuning.pruning.asha import EARLIER, AuditedASHA
from tuning.pruning.audited import EPOCH, Audit, Audited
from tuning.pruning.race_scheduler import AuditedRace
from tuning.pruning.racing import UserValues
from tuning.user_ranks import USER_RANKS


@dataclass(frozen=True)
class Report:
    """One epoch's value of the objective, as the driver heard of it."""

    number: int
    params: Mapping[str, Any]
    epoch: int
    value: float
    ranks: bytes | None = None
    """Validation ranks of the same users, for racing."""
    is_end: bool = False
    """The trial ended by itself with this epoch: a pruner hears of its end, and does not judge it."""


def make_scheduler(spec: Spec, **changes: Any) -> Audited | FIFOScheduler:
    """The Ray scheduler that prunes, by our own 1-based epoch.

    Args:
        spec: of the study.
        changes: fields of its pruner's settings that are to be others, to ask what they would have done.
    """
    pruner = spec.settings.pruner.model_copy(update=changes)
    if pruner.name == "none":
        return FIFOScheduler()
    epochs, maximize = spec.config.epochs, spec.direction == "maximize"
    spared, audit = spec.settings.space.of(spec.config), Audit(pruner.audit_share, spec.config.seed)
    if pruner.name == "racing":
        return AuditedRace(
            spared,
            audit,
            last_epoch=epochs,
            looks=[epoch for epoch in range(pruner.first_rung(epochs), epochs) if epoch % spec.config.eval_step == 0],
            alpha=pruner.alpha,
            values_of=UserValues(spec.objective, maximize),
        )
    return AuditedASHA(
        spared,
        audit,
        time_attr=EPOCH,
        metric=spec.objective,
        mode="max" if maximize else "min",
        max_t=epochs,
        grace_period=pruner.first_rung(epochs),
        reduction_factor=pruner.reduction_factor,
    )


def replay(scheduler: Audited, objective: str, reports: Iterable[Report]) -> None:
    """Give a new scheduler the reports of an earlier driver in their order: it judges as that one did.

    What a trial reported after its verdict is passed over, like that of an audited one.
    """
    trials: dict[int, Any] = {}
    for report in reports:
        trial = trials.get(report.number)
        if trial is None:
            config = {"number": report.number, "params": dict(report.params)}
            trial = trials[report.number] = SimpleNamespace(trial_id=EARLIER.format(report.number), config=config)
            scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
        result = {EPOCH: report.epoch, objective: report.value, USER_RANKS: report.ranks}
        hear = scheduler.on_trial_complete if report.is_end else scheduler.on_trial_result
        hear(None, trial, result)
