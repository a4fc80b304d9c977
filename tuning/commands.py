"""What the command lines of this folder have in common."""

import argparse
import sys
from collections.abc import Callable

from athwe.command_line import INTERRUPTED, USER_ERROR, positive_int, print_in_any_encoding
from athwe.errors import AthweError
from tuning.connection import StoreError
from tuning.errors import NotReadyError


def exit_code(run: Callable[[], int], interrupted: str = "interrupted") -> int:
    """What `run` gives; 2 and a line for what the user can mend, 130 and `interrupted` after Ctrl-C."""
    print_in_any_encoding()
    try:
        return run()
    except NotReadyError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return USER_ERROR
    except (AthweError, StoreError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED


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
