"""What the command lines share."""

import argparse
import io
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from athwe.errors import AthweError

USER_ERROR, INTERRUPTED = 2, 130
"""Exit codes."""


class UsageError(AthweError):
    """Flags that cannot be used."""


class Parser(argparse.ArgumentParser):
    """Flags whose errors are one line, like every other error of the user's; flags are written in full."""

    def __init__(self, prog: str, description: str | None):
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of printing the usage and leaving."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def exit_code(run: Callable[[], int], interrupted: str = "interrupted") -> int:
    """What `run` gives; 2 and a line for what the user can mend, 130 and `interrupted` after Ctrl-C."""
    _print_in_any_encoding()
    try:
        return run()
    except AthweError as error:
        for problem in error.problems or [str(error)]:
            print(f"error: {' '.join(problem.split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


def _print_in_any_encoding() -> None:
    """Show '?' for what the terminal's encoding lacks: no locale is to end a command half-way.

    Standard error does without: Python writes there what it can.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def add_config_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say where a data set is and what is laid over its configuration."""
    parser.add_argument("--dataset-root", help="folder of the data sets (default: ATHWE_DATASET_ROOT, else dataset/)")
    parser.add_argument(
        "--config", action="append", default=[], metavar="FILE", help="YAML laid over config/<dataset>.yaml"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="goes last")


def positive_int(text: str) -> int:
    """A whole number above 0, for `type=` of a flag."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def number(kind: Callable[[str], Any], text: str, expected: str, fits: Callable[[Any], bool]) -> Any:
    """What `kind` (int or float) makes of a flag's text.

    Raises:
        ArgumentTypeError: it is no number or does not fit; `expected` says what would.
    """
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return value


def share(text: str) -> float:
    """A number from 0 to 1, for `type=` of a flag."""
    return number(float, text, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def probability(text: str) -> float:
    """A number between 0 and 1, for `type=` of a flag."""
    return number(float, text, "a number above 0 and below 1", lambda value: 0 < value < 1)
