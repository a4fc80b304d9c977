"""What the command lines share."""

import argparse
import io
import sys
from typing import NoReturn

from athwe.errors import AthweError

USER_ERROR, INTERRUPTED = 2, 130
"""Exit codes."""


def print_in_any_encoding() -> None:
    """Show '?' for what the terminal's encoding lacks: no locale is to end a command half-way.

    Standard error does without: Python writes there what it can.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


class UsageError(AthweError):
    """Flags that cannot be used."""


class Parser(argparse.ArgumentParser):
    """Flags whose errors are one line, like every other error of the user's; flags are written in full."""

    def __init__(self, prog: str, description: str | None):
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of printing the usage and leaving."""
        raise UsageError(f"{message} (see {self.prog} --help)")


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
