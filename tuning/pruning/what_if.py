"""What another reduction factor or first rung would have saved and lost, from the values that a study has stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuning.choices import PrunerName
from tuning.planning.spec import PrunerSettings, Spec
from tuning.pruning.audited import Audited
from tuning.pruning.pruner import Report, make_scheduler, replay
from tuning.pruning.trained import Trained
from tuning.schema import COMPLETE


@dataclass(frozen=True)
class Setting:
    """How the pruner is set."""

    reduction_factor: float | None
    """Of asha; None: of racing."""
    grace_epochs: int
    alpha: float | None = None
    """Of racing."""

    @property
    def pruner(self) -> PrunerName:
        """Which one."""
        return "racing" if self.reduction_factor is None else "asha"

    def __str__(self) -> str:
        return f"racing, alpha {self.alpha:g}" if self.pruner == "racing" else f"asha, factor {self.reduction_factor:g}"


@dataclass(frozen=True)
class Outcome:
    """What comes of a study's trials under other verdicts, none of them audited."""

    given_up: int
    epochs_saved: int
    """Of those that were trained."""
    seconds_saved: float
    """Of training."""
    unknown: int
    """Trials that it would have trained further than the study did: what they would have become, nobody knows."""
    epochs_beyond: int
    """Most epochs that would have had to be trained of those."""
    lost: float | None
    """How much better the best complete trial is than the best one of those not given up. At most this where trials
    are unknown; None where no complete trial is left."""

    def values(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return asdict(self)


def own_setting(spec: Spec) -> Setting:
    """The study's; asha's where it had no pruner."""
    pruner, grace = spec.settings.pruner, spec.settings.pruner.first_rung(spec.config.epochs)
    return Setting(None, grace, pruner.alpha) if pruner.name == "racing" else Setting(pruner.reduction_factor, grace)


def grid(own: Setting, epochs: int, factors: Sequence[float] = (), graces: Sequence[int] = ()) -> list[Setting]:
    """Every pair of reduction factor and first rung; of what is not given a few around the study's own.

    >>> [(one.reduction_factor, one.grace_epochs) for one in grid(Setting(3, 2), 10, factors=[2])]
    [(2, 1), (2, 2), (2, 4)]
    """
    factor = own.reduction_factor or PrunerSettings().reduction_factor
    factors = factors or [value for value in (factor - 1, factor, factor + 1) if value > 1]
    graces = graces or _around(own.grace_epochs, epochs)
    return [Setting(one, other) for one in sorted(set(factors)) for other in sorted(set(graces))]


def race_grid(own: Setting, epochs: int, alphas: Sequence[float], graces: Sequence[int] = ()) -> list[Setting]:
    """Every pair of alpha and first rung, the latter around the study's own where none is given."""
    graces = graces or _around(own.grace_epochs, epochs)
    return [Setting(None, grace, alpha) for alpha in sorted(set(alphas)) for grace in sorted(set(graces))]


def _around(grace: int, epochs: int) -> list[int]:
    return [max(1, grace // 2), grace, min(epochs, grace * 2)]


def verdicts_under(spec: Spec, reports: Iterable[Report], setting: Setting) -> dict[int, int]:
    """The epoch in which each trial would have been given up, by number.

    The trials report in the order given; in the one they had, a pruner that stops earlier would have changed a little.
    """
    own: PrunerSettings = spec.settings.pruner
    changes = {name: value for name, value in asdict(setting).items() if value is not None} | {"name": setting.pruner}
    scheduler = make_scheduler(spec, **{key: value for key, value in changes.items() if getattr(own, key) != value})
    assert isinstance(scheduler, Audited)
    replay(scheduler, spec.objective, reports)
    return scheduler.verdicts


def agreement(trials: Iterable[Trained], verdicts: Mapping[int, int]) -> tuple[int, int]:
    """For how many trials, of how many, the verdicts are those that are stored."""
    same = [trial.given_up == verdicts.get(trial.number) for trial in trials]
    return sum(same), len(same)


def outcome(trials: Iterable[Trained], verdicts: Mapping[int, int], epochs: int, maximize: bool) -> Outcome:
    """What verdicts would have come to.

    Args:
        trials: as they were trained.
        verdicts: epoch in which a trial is given up, by number.
        epochs: most epochs of a trial.
        maximize: the direction of their values.
    """
    trials = list(trials)
    stopped = {trial.number: verdicts[trial.number] for trial in trials if trial.number in verdicts}
    spared = [
        epoch.train_seconds
        for trial in trials
        for number, epoch in trial.epochs.items()
        if number > stopped.get(trial.number, number)
    ]
    unknown = [trial for trial in trials if trial.number not in stopped and not trial.is_whole]
    complete = {trial.number: trial.value for trial in trials if trial.state == COMPLETE and trial.value is not None}
    return Outcome(
        given_up=len(stopped),
        epochs_saved=len(spared),
        seconds_saved=sum(spared),
        unknown=len(unknown),
        epochs_beyond=sum(epochs - trial.last_epoch for trial in unknown),
        lost=_lost(list(complete.values()), [v for number, v in complete.items() if number not in stopped], maximize),
    )


def _lost(found: Sequence[float], left: Sequence[float], maximize: bool) -> float | None:
    if not left:
        return None
    return max(found) - max(left) if maximize else min(left) - min(found)
