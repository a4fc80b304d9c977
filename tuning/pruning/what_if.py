"""What another reduction factor or first rung would have saved and lost, from the values that a study has stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuning.planning.spec import PrunerSettings, Spec
from tuning.pruning.pruner import AuditedASHA, make_scheduler, replay
from tuning.pruning.trained import Trained, reports_of
from tuning.schema import COMPLETE, FAIL


@dataclass(frozen=True)
class Setting:
    """How the pruner is set."""

    reduction_factor: float
    grace_epochs: int


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
    """The study's."""
    pruner = spec.settings.pruner
    return Setting(pruner.reduction_factor, pruner.first_rung(spec.config.epochs))


def grid(own: Setting, epochs: int, factors: Sequence[float] = (), graces: Sequence[int] = ()) -> list[Setting]:
    """Every pair of the values given; of what is not given a few around the study's own.

    >>> [(one.reduction_factor, one.grace_epochs) for one in grid(Setting(3, 2), 10, factors=[2])]
    [(2, 1), (2, 2), (2, 4)]
    """
    factor, grace = own.reduction_factor, own.grace_epochs
    factors = factors or [value for value in (factor - 1, factor, factor + 1) if value > 1]
    graces = graces or [max(1, grace // 2), grace, min(epochs, grace * 2)]
    return [Setting(one, other) for one in sorted(set(factors)) for other in sorted(set(graces))]


def verdicts_under(spec: Spec, trials: Iterable[Trained], setting: Setting) -> dict[int, int]:
    """The epoch in which each trial would have been given up, by number.

    The trials report in the order in which they did, which a pruner that stops earlier would have changed a little.
    """
    trials = list(trials)
    own: PrunerSettings = spec.settings.pruner
    changes = {"reduction_factor": setting.reduction_factor, "grace_epochs": setting.grace_epochs, "name": "asha"}
    scheduler = make_scheduler(spec, **{key: value for key, value in changes.items() if getattr(own, key) != value})
    assert isinstance(scheduler, AuditedASHA)
    replay(scheduler, spec.objective, reports_of(trials))
    # A trial that stops by itself in the epoch of its rung is not judged: Tune tells the pruner of its end only.
    own_ends = {trial.number: trial.last_epoch for trial in trials if trial.is_whole and trial.state != FAIL}
    return {number: epoch for number, epoch in scheduler.verdicts.items() if own_ends.get(number) != epoch}


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
