"""What a trial may need and has to bring, as rules: a limit that is broken makes it infeasible."""

from tuning.planning.spec import Limits


def excesses(limits: Limits, train_seconds: float, memory_bytes: float) -> dict[str, float]:
    """By how much a trial needs more than each limit that is set, in the limit's unit; at most 0 where it is kept.

    >>> excesses(Limits(memory_gigabytes=2), 10.0, 3.5e9)
    {'memory_gigabytes': 1.5}
    """
    needs = {"memory_gigabytes": memory_bytes / 1e9, "train_seconds": train_seconds}
    return {name: need - limit for name, need in needs.items() if (limit := getattr(limits, name)) is not None}


def broken(limits: Limits, train_seconds: float, memory_bytes: float) -> str | None:
    """The first limit that a trial needs more than, in words.

    >>> broken(Limits(train_seconds=5), 10.0, 0.0)
    'needs 10 train seconds and may need 5'
    """
    for name, excess in excesses(limits, train_seconds, memory_bytes).items():
        if excess > 0:
            limit = getattr(limits, name)
            return f"needs {limit + excess:.4g} {name.replace('_', ' ')} and may need {limit:.4g}"
    return None


def shortfall(limits: Limits, worst_slice: float | None) -> dict[str, float]:
    """By how much the best epoch of a trial that came to its end brings less than it has to; as `excesses`.

    >>> shortfall(Limits(worst_slice=0.5), 0.25)
    {'worst_slice': 0.25}
    """
    if limits.worst_slice is None or worst_slice is None:
        return {}
    return {"worst_slice": limits.worst_slice - worst_slice}


def fallen_short(limits: Limits, worst_slice: float | None) -> str | None:
    """What a trial that came to its end lacks, in words.

    >>> fallen_short(Limits(worst_slice=0.5), 0.25)
    'its worst slice of users has 0.25 and must have 0.5'
    """
    if any(lack > 0 for lack in shortfall(limits, worst_slice).values()):
        return f"its worst slice of users has {worst_slice:.4g} and must have {limits.worst_slice:.4g}"
    return None
