"""Which of a study's files are still wanted, and how much they can come to: rules, nothing is read or deleted here."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from tuning.schema import COMPLETE, FAIL, PRUNED, RUNNING


class Trial(Protocol):
    """What is known of a trial."""

    number: int
    state: str
    best_value: float | None
    retry_of: int | None
    """The trial that this one goes on with."""
    checkpoint: str | None
    """The training state to go on from; a trial that is over and needs none has none."""


def unwanted_models(trials: Mapping[int, Trial], keep: int, maximize: bool) -> set[int]:
    """Numbers of the ended trials whose model may go.

    The best `keep` stay, complete trials before pruned ones, and that of the configuration at hand (trial 0, or the one
    that goes on with it). So does the model of a trial that another one is still to go on with.
    """
    superseded = {trial.retry_of for trial in trials.values()}
    judged = [trial for trial in trials.values() if trial.state in (COMPLETE, PRUNED) and trial.best_value is not None]
    sign = -1 if maximize else 1
    judged.sort(key=lambda trial: (trial.state != COMPLETE, sign * (trial.best_value or 0.0), trial.number))
    wanted = {trial.number for trial in judged[:keep]}
    for trial in trials.values():
        is_awaited = trial.state == FAIL and trial.checkpoint is not None
        is_first = 0 in (trial.number, *ancestors(trials, trial.number))
        if trial.state == RUNNING or (trial.number not in superseded and (is_awaited or is_first)):
            wanted.add(trial.number)
    return trials.keys() - wanted


def ancestors(trials: Mapping[int, Trial], number: int) -> Iterator[int]:
    """The trial that this one goes on with, the one that that one went on with, and so on."""
    before = trials[number].retry_of
    while before is not None and before in trials:
        yield before
        before = trials[before].retry_of


def most_models(keep: int, at_work: int, trials: int) -> int:
    """Most models at a time: the best, the one of the configuration at hand, and those of the trials at work."""
    return min(keep + 1 + at_work, trials)


def most_bytes(model: int, state: int, results: int, *, keep: int, at_work: int, trials: int) -> int:
    """What a study takes on disk at most, if every trial is as large as one that was measured.

    Args:
        model: bytes of a trial's best model.
        state: bytes of its training state; while a new one is written, the one before is still there.
        results: bytes of its per-user results and diagnostics, which are never deleted.
        keep: trials whose best model is kept.
        at_work: trials at once.
        trials: trials asked for.
    """
    return model * most_models(keep, at_work, trials) + state * 2 * at_work + results * trials


def size_text(count: float) -> str:
    """Bytes for people, by powers of 1000.

    >>> size_text(999), size_text(1_530_000), size_text(2.5e12)
    ('999 B', '1.5 MB', '2500.0 GB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
