"""Which of a study's files are still wanted, and how much they can come to: rules, nothing is read or deleted here."""

import re
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
    wanted = set(ranked(trials, maximize)[:keep])
    for trial in trials.values():
        is_awaited = trial.state == FAIL and trial.checkpoint is not None
        is_first = 0 in (trial.number, *ancestors(trials, trial.number))
        if trial.state == RUNNING or (trial.number not in superseded and (is_awaited or is_first)):
            wanted.add(trial.number)
    return trials.keys() - wanted


def ranked(trials: Mapping[int, Trial], maximize: bool) -> list[int]:
    """Numbers of the ended trials that have a value, best first, complete ones before pruned ones."""
    judged = [trial for trial in trials.values() if trial.state in (COMPLETE, PRUNED) and trial.best_value is not None]
    sign = -1 if maximize else 1
    judged.sort(key=lambda trial: (trial.state != COMPLETE, sign * (trial.best_value or 0.0), trial.number))
    return [trial.number for trial in judged]


def models_over_budget(trials: Mapping[int, Trial], maximize: bool, sizes: Mapping[int, int], excess: int) -> list[int]:
    """Numbers of the ended trials whose models go to free `excess` bytes, the worst first.

    The best one's model stays whatever the excess, and so does every model that a trial at work needs.

    Args:
        sizes: bytes of the models that are there, by number of their trials.
    """
    going: list[int] = []
    for number in reversed(ranked(trials, maximize)[1:]):
        if excess <= 0:
            break
        if sizes.get(number):
            going.append(number)
            excess -= sizes[number]
    return going


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


def size_of_text(text: str) -> int:
    """Bytes of a size as people write it: a number and a unit, powers of 1000 (GB) or of 1024 (GiB).

    >>> size_of_text("20GB"), size_of_text("1.5 mib"), size_of_text("2 TB")
    (20000000000, 1572864, 2000000000000)

    Raises:
        ValueError: it is none, or nothing.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([kmgt]?)(i?)b", text.strip().lower())
    size = 0
    if found and not (found[3] and not found[2]):
        size = int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))
    if size <= 0:
        raise ValueError(f"expected a size such as 20GB, 500MB or 1.5TiB, got {text!r}")
    return size


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
