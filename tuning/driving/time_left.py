"""How long a search is still going to take, from how it went so far."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from tuning.books.record import TrialRecord
from tuning.schema import RUNNING


class EpochPace:
    """How long an epoch takes by the wall, validation and checkpoint included: seen from trials that come further."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}
        """Epoch of each trial at work, and when it got there."""
        self._epochs = 0
        self._seconds = 0.0

    def see(self, records: Iterable[TrialRecord], at: float) -> None:
        """Look at the trials at this time, in seconds of a clock that only goes on."""
        for record in records:
            before = self._seen.get(record.number)
            if before is None:
                if record.state == RUNNING and record.started_at is not None:
                    self._seen[record.number] = record.epoch, at
                continue
            if record.epoch != before[0]:  # by more than one where it goes on with an earlier trial
                self._epochs += 1
                self._seconds += at - before[1]
                self._seen[record.number] = record.epoch, at
            if record.state != RUNNING:
                del self._seen[record.number]

    @property
    def seconds(self) -> float | None:
        """Mean of an epoch; None before the first one."""
        return self._seconds / self._epochs if self._epochs else None


def seconds_left(
    running: Sequence[int],
    missing: int,
    ended: Sequence[int],
    *,
    epochs: int,
    epoch_seconds: float,
    concurrency: int,
) -> float:
    """Estimate the time until every trial has ended.

    A trial is expected to take as many epochs as those that ended took on average, of those that came further than it
    did: most are pruned early, but one that is past that is going to stay.

    Args:
        running: epochs that each trial at work has behind it.
        missing: trials that have not begun.
        ended: epochs that each ended trial took.
        epochs: most epochs of a trial.
        epoch_seconds: mean of an epoch.
        concurrency: trials at once.
    """
    work = [_epochs_left(done, ended, epochs) for done in running] + [_epochs_left(0, ended, epochs)] * missing
    if not work:
        return 0.0
    at_once = min(concurrency, len(work))
    return max(sum(work) / at_once, *work) * epoch_seconds


def _epochs_left(done: int, ended: Sequence[int], epochs: int) -> float:
    further = [count for count in ended if count > done]
    return (fmean(further) if further else epochs) - done


def time_text(seconds: float) -> str:
    """A time as coarse as an estimate is.

    >>> time_text(42), time_text(700), time_text(9000)
    ('40 s', '12 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
