"""What commands print: lines as they are, and tables that have room where no terminal says how wide it is."""

import sys

from rich.console import Console

WIDTH = 160
"""Columns of a table where the output is no terminal."""


def table_console(width: int = WIDTH, stderr: bool = False) -> Console:
    """Standard output or error, `width` columns wide where it is no terminal."""
    file = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if file.isatty() else width)


def say(console: Console, line: str, style: str | None = None) -> None:
    """A line as it is: brackets are no markup, numbers have no colours, and it is not wrapped."""
    console.print(line, markup=False, highlight=False, soft_wrap=True, style=style)


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "trial"), counted(2000, "epoch")
    ('1 trial', '2,000 epochs')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)


def say_failed(console: Console, runs: int) -> None:
    """How many runs failed, where any did."""
    if runs:
        say(console, f"{counted(runs, 'run')} failed; the same command tries them again")
