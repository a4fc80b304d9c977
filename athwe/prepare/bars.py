"""How far the work is: bars in a terminal, a line a file elsewhere."""

from collections.abc import Callable

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Bars:
    """Use as a context manager around the work."""

    def __init__(self, console: Console):
        self._console = console
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def start(self, name: str, total_bytes: int) -> Callable[[int], None]:
        """A file is begun."""
        return self._begin(name, total_bytes, decimal)

    def count(self, name: str, total: int) -> Callable[[int], None]:
        """Work on a number of things is begun."""
        return self._begin(name, total, "{:,}".format)

    def stage(self, name: str) -> None:
        """Work of unknown length is begun."""
        self._begin(name, 0, lambda count: "")

    def confirm(self, question: str) -> bool:
        """Ask a person; nobody who could answer means no."""
        if not self._console.is_terminal:
            return False
        self._bars.stop()
        try:
            return self._console.input(f"{question} [y/N] ", markup=False).strip().lower() in ("y", "yes")
        except EOFError:
            return False
        finally:
            self._bars.start()

    def _begin(self, name: str, total: int, shown: Callable[[int], str]) -> Callable[[int], None]:
        if not self._console.is_terminal:
            self._console.print(
                f"{name}: {shown(total)}" if total else name, markup=False, highlight=False, soft_wrap=True
            )
        for other in self._bars.tasks:  # one thing is done after the other
            self._bars.update(other.id, visible=False)
        task = self._bars.add_task(name[-60:], total=total or None, amount=shown(0))
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount
            self._bars.update(task, completed=done, amount=f"{shown(done)} of {shown(total)}")

        return advance
