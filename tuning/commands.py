"""What the command lines of this folder have in common."""

import argparse
from collections.abc import Callable

from athwe import command_line
from athwe.command_line import positive_int
from athwe.errors import AthweError
from tuning.connection import StoreError


def exit_code(run: Callable[[], int], interrupted: str = "interrupted") -> int:
    """`command_line.exit_code`, where what is wrong with a store is for the user to mend, too."""

    def run_with_store() -> int:
        try:
            return run()
        except StoreError as error:  # no AthweError: the dashboard, which reads the store, knows nothing of athwe
            raise AthweError(str(error)) from error

    return command_line.exit_code(run_with_store, interrupted)


def add_training_flags(add: Callable[..., object]) -> None:
    """Flags of a command that trains configurations of a study again, by a parser's `add_argument`."""
    add("--dataset-root", help="folder of data sets (default: where the study had it)")
    add("--concurrency", type=positive_int, help="runs at once (default: as many as fit)")
    add("--cpus-per-trial", type=positive_int, help="cores of one run (default: as in the search)")
    add("--address", help="host:port of a Ray cluster's head (default: RAY_ADDRESS, else a Ray of its own)")


def trial_number(text: str) -> int:
    """A trial's number on a command line.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a trial's number, got {text!r}")
    return int(text)
