"""What configurations that are trained again show: bars in a terminal, a line a run elsewhere; no number of test."""

from collections.abc import Hashable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tuning.console import counted, say
from tuning.driving.progress import number_text


class FinalProgress:
    """Use as a context manager around the runs."""

    def __init__(
        self,
        console: Console,
        objective: str,
        runs: int,
        epochs: int,
        kept: str = "its look at test is in the ledger",
    ):
        self._console = console
        self._objective = objective
        self._epochs = epochs
        self._kept = kept
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._all = self._bars.add_task("runs", total=runs)
        self._bar: dict[Hashable, TaskID] = {}
        self._last: dict[Hashable, Mapping[str, Any]] = {}

    def epoch(self, run: Hashable, message: Mapping[str, Any]) -> None:
        """A run trained an epoch."""
        self._last[run] = message
        if run not in self._bar:
            self._bar[run] = self._bars.add_task(str(run), total=self._epochs)
        text = f"{run}, best {self._objective} {number_text(message['best_value'])}"
        self._bars.update(self._bar[run], completed=message["epoch"], description=text)

    def ended(self, run: Hashable, problem: str | None = None) -> None:
        """A run is over, with a look or with a problem."""
        if run in self._bar:
            self._bars.remove_task(self._bar.pop(run))
        self._bars.advance(self._all)
        last = self._last.get(run)
        how = problem or (
            f"{counted(last['epoch'], 'epoch')}, best {self._objective} {number_text(last['best_value'])} in epoch "
            f"{last['best_epoch']}; {self._kept}"
            if last
            else "no epoch"
        )
        if problem or not self._console.is_terminal:
            say(self._console, f"{run}: {how}")

    def failed(self, run: Hashable, reason: str, error: str) -> str:
        """A run is over without a look; gives the last line of what went wrong."""
        last_line = error.strip().splitlines()[-1] if error.strip() else "no word"
        self.ended(run, f"failed ({reason}): {last_line}")
        return last_line

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()
