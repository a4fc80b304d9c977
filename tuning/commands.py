"""What the command lines of this folder have in common."""

import argparse
import sys
from collections.abc import Callable

from athwe.command_line import INTERRUPTED, USER_ERROR
from athwe.errors import AthweError
from tuning.connection import StoreError
from tuning.errors import NotReadyError


def exit_code(run: Callable[[], int], interrupted: str = "interrupted") -> int:
    """What `run` gives; 2 and a line for what the user can mend, 130 and `interrupted` after Ctrl-C."""
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


def trial_number(text: str) -> int:
    """A trial's number on a command line.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a trial's number, got {text!r}")
    return int(text)
