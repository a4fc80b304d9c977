"""What a trial may need, as a rule: a limit that is broken makes it infeasible."""

from tuning.planning.spec import Limits


def excesses(limits: Limits, train_seconds: float, memory_bytes: float) -> dict[str, float]:
    """By how much a trial is above each limit that is set, in the limit's unit; at most 0 where it is kept.

    >>> excesses(Limits(memory_gigabytes=2), 10.0, 3.5e9)
    {'memory_gigabytes': 1.5}
    """
    needs = {"memory_gigabytes": memory_bytes / 1e9, "train_seconds": train_seconds}
    most = {name: limit for name, limit in limits if limit is not None}
    return {name: needs[name] - limit for name, limit in most.items()}


def broken(limits: Limits, train_seconds: float, memory_bytes: float) -> str | None:
    """The first limit that a trial is above, in words.

    >>> broken(Limits(train_seconds=5), 10.0, 0.0)
    'needs 10 train seconds and may need 5'
    """
    for name, excess in excesses(limits, train_seconds, memory_bytes).items():
        if excess > 0:
            limit = getattr(limits, name)
            return f"needs {limit + excess:.4g} {name.replace('_', ' ')} and may need {limit:.4g}"
    return None
