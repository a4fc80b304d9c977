"""Was early stopping safe? What the trials that were finished all the same say of the pruner's verdicts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from tuning.console import counted
from tuning.planning.spec import Spec
from tuning.pruning.audited import Audited
from tuning.pruning.pruner import make_scheduler
from tuning.pruning.trained import Trained, trained_trials
from tuning.schema import COMPLETE
from tuning.store import Store

MOST_SAID = 6
"""Rungs of which the summary speaks."""
FEWEST = 3
"""Trials from which on anything is said of a rank correlation."""


@dataclass(frozen=True)
class Rung:
    """How well an epoch's values foretold the final ones."""

    epoch: int
    trials: int
    """Those that have a value there and came to their end."""
    rank_correlation: float | None
    """Spearman's; None where there are too few trials, or all values are the same."""


@dataclass(frozen=True)
class PrunerAudit:
    """What is known of the pruner's verdicts."""

    given_up: int
    """Trials with a verdict, audited or not."""
    audited: int
    """Those of them that came to their end all the same."""
    audited_better: int
    """Those of these that ended better than every trial that was not given up."""
    regret: float | None
    """By how much the best of them did, at least 0; None where there is nothing to compare."""
    rungs: tuple[Rung, ...]

    def values(self) -> dict[tuple[str, int], float]:
        """As the store keeps them: by name and epoch, epoch 0 for the whole study."""
        whole = {"audited": self.audited, "audited_better": self.audited_better, "regret": self.regret}
        found = {(name, 0): value for name, value in whole.items()}
        for rung in self.rungs:
            found |= {("trials", rung.epoch): rung.trials, ("rank_correlation", rung.epoch): rung.rank_correlation}
        return {key: float(value) for key, value in found.items() if value is not None}


def audit(trials: Iterable[Trained], rung_epochs: Sequence[int], maximize: bool) -> PrunerAudit:
    """Hold the pruner's verdicts against how the trials ended."""
    trials = list(trials)
    choose = max if maximize else min
    ended = [(trial, trial.value) for trial in trials if trial.state == COMPLETE and trial.value is not None]
    audited = [value for trial, value in ended if trial.given_up is not None]
    kept = [value for trial, value in ended if trial.given_up is None]
    gains = [(value - choose(kept)) * (1 if maximize else -1) for value in audited] if kept else []
    return PrunerAudit(
        given_up=sum(trial.given_up is not None for trial in trials),
        audited=len(audited),
        audited_better=sum(gain > 0 for gain in gains),
        regret=max(0.0, *gains) if gains else None,
        rungs=tuple(_rung(ended, epoch) for epoch in rung_epochs),
    )


def audit_of(store: Store, spec: Spec) -> PrunerAudit | None:
    """The audit of a stored study; None where it had no pruner."""
    scheduler = make_scheduler(spec)
    if not isinstance(scheduler, Audited):
        return None
    trials = trained_trials(store, spec.study, spec.objective)
    return audit(trials, scheduler.rung_epochs, spec.direction == "maximize")


def save_pruner_audit(store: Store, spec: Spec) -> None:
    """Store what is known of the pruner's verdicts, for the summary and the dashboard."""
    found = audit_of(store, spec)
    if found is not None:
        store.save_pruner_audit(spec.study, found.values())


def audit_lines(found: PrunerAudit, objective: str) -> list[str]:
    """The audit in words, which say how little few trials say."""
    lines = [f"pruner: {_verdicts(found, objective)}"]
    if found.given_up and found.rungs:
        step = math.ceil(len(found.rungs) / MOST_SAID)  # a race has one an epoch
        rungs = ", ".join(_rung_text(rung) for rung in found.rungs[::step])
        lines.append(f"rank correlation of an epoch's value with the final one: {rungs}")
    return lines


def _verdicts(found: PrunerAudit, objective: str) -> str:
    if not found.given_up:
        return "gave up no trial"
    text = f"gave up {counted(found.given_up, 'trial')}, {found.audited or 'none'} of them finished all the same"
    if not found.audited:
        return f"{text}: nothing is known of what they would have become"
    if found.regret is None:
        return f"{text}, and no other was finished: nothing to compare them with"
    if found.audited_better:
        which = f"{found.audited_better} of these ended better than the best that was not given up"
        return f"{text}: {which}, by up to {found.regret:.4f} {objective} (regret)"
    few = "; so few say little" if found.audited < FEWEST else ""
    return f"{text}: none ended better than the best that was not given up (regret 0){few}"


def _rung(ended: Iterable[tuple[Trained, float]], epoch: int) -> Rung:
    pairs = [(value, final) for trial, final in ended if (value := trial.value_from(epoch)) is not None]
    there, final = (pd.Series([pair[side] for pair in pairs], dtype=float).rank() for side in (0, 1))
    is_said = len(pairs) >= FEWEST and there.nunique() > 1 and final.nunique() > 1
    return Rung(epoch, len(pairs), float(there.corr(final)) if is_said else None)


def _rung_text(rung: Rung) -> str:
    if rung.rank_correlation is not None:
        return f"epoch {rung.epoch} {rung.rank_correlation:.2f} ({counted(rung.trials, 'trial')})"
    why = "too few to say" if rung.trials < FEWEST else "all the same"
    return f"epoch {rung.epoch} {why} ({counted(rung.trials, 'trial')})"
