"""What a running search shows: a live table in a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tuning.books.record import TrialRecord, asked_for
from tuning.console import counted, say
from tuning.driving.time_left import EpochPace, seconds_left, time_text
from tuning.schema import COMPLETE, FAIL, PRUNED, RUNNING
from tuning.store import now

_REFRESH_SECONDS = 0.5
_PLAIN_SECONDS = 30.0
_SHOWN_STATES = (RUNNING, COMPLETE, PRUNED, FAIL)


class Progress:
    """Use as a context manager around the run; `update` often, it draws seldom."""

    def __init__(
        self,
        console: Console,
        study_name: str,
        objective: str,
        maximize: bool,
        trials: int,
        epochs: int,
        concurrency: int = 1,
        time_budget_seconds: float | None = None,
    ):
        self._console = console
        self._study_name = study_name
        self._objective = objective
        self._choose = max if maximize else min
        self._trials = trials
        self._epochs = epochs
        self._concurrency = concurrency
        self._time_budget_seconds = time_budget_seconds
        self._pace = EpochPace()
        self._started = time.monotonic()
        self._drawn = self._started
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def update(self, records: Mapping[int, TrialRecord]) -> None:
        """Draw what the driver knows, if it is time to."""
        self._pace.see(records.values(), time.monotonic())
        seconds = time.monotonic() - self._drawn
        if self._live and seconds > _REFRESH_SECONDS:
            self._live.update(self.table(records), refresh=True)
        elif not self._live and seconds > _PLAIN_SECONDS:
            self._console.print(self.headline(records.values()), soft_wrap=True)
        else:
            return
        self._drawn = time.monotonic()

    def trial_ended(self, record: TrialRecord) -> None:
        """Print a line for a trial that ended, where there is no terminal to draw in."""
        if not self._live:
            say(self._console, trial_line(record, self._objective))

    def headline(self, records: Iterable[TrialRecord]) -> Text:
        """One line: how many trials, in which states, the best so far, the time, and about how much of it is left."""
        ran = asked_for(records)
        counts = Counter(record.state for record in ran)
        done = len(ran) - counts[RUNNING]
        states = ", ".join(f"{counts[state]} {state.lower()}" for state in _SHOWN_STATES if counts[state])
        best = [record.best_value for record in ran if record.state != FAIL and record.best_value is not None]
        value = f" · best {self._objective} {self._choose(best):.4f}" if best else ""
        return Text(
            f"{self._study_name}: {done}/{self._trials} trials ({states or 'starting'}){value} · {self._elapsed()}"
            f"{self._left(ran)}"
        )

    def table(self, records: Mapping[int, TrialRecord]) -> Group:
        """The headline over the trials at work."""
        table = Table(box=None, pad_edge=False)
        for title in ("trial", "epoch", self._objective, "best", "time"):
            table.add_column(title, justify="right")
        for record in records.values():
            if record.state == RUNNING:
                seconds = (now() - record.started_at).total_seconds() if record.started_at else 0
                table.add_row(
                    str(record.number),
                    f"{record.epoch}/{self._epochs}",
                    number_text(record.value),
                    f"{number_text(record.best_value)} (epoch {record.best_epoch or '–'})",
                    f"{seconds:.0f} s",
                )
        return Group(self.headline(records.values()), table)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"

    def _left(self, ran: Sequence[TrialRecord]) -> str:
        """Nothing before there is an epoch to judge by."""
        if self._pace.seconds is None:
            return ""
        seconds = seconds_left(
            running=[record.epoch for record in ran if record.state == RUNNING],
            missing=max(0, self._trials - len(ran)),
            ended=[record.epoch for record in ran if record.state != RUNNING and record.epoch],
            epochs=self._epochs,
            epoch_seconds=self._pace.seconds,
            concurrency=self._concurrency,
        )
        if self._time_budget_seconds is not None:
            seconds = min(seconds, self._time_budget_seconds - (time.monotonic() - self._started))
        return f" · about {time_text(seconds)} left" if seconds > 0 else ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.update(Text(""), refresh=True)
            self._live.stop()


def trial_line(record: TrialRecord, objective: str) -> str:
    """One line on a trial's ending."""
    state = record.state + (f" ({record.reason})" if record.reason else "")
    value = "" if record.best_value is None else f", {objective} {record.best_value:.4f} in epoch {record.best_epoch}"
    error = "" if not record.error else f": {record.error.strip().splitlines()[-1]}"
    return f"trial {record.number} {state} after {counted(record.epoch, 'epoch')}{value}{error}"


def number_text(value: float | None) -> str:
    """Four decimals, or a dash."""
    return "–" if value is None else f"{value:.4f}"
