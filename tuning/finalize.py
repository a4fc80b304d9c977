"""`python tuning/finalize.py --study NAME`: retrain the best trials on fresh seeds, look at test, on record."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console

from athwe.command_line import Parser, positive_int
from tuning.commands import add_training_flags, exit_code, trial_number
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import DEFAULT_URL


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/finalize.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name of the study")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--top", type=positive_int, default=3, help="this many best trials (default: %(default)s)")
    which.add_argument("--trials", type=trial_number, nargs="+", metavar="N", help="trials by number instead")
    add("--seeds", type=positive_int, default=5, help="fresh seeds each at least; all on record are shown (default: 5)")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add_training_flags(add)
    add("--json", action="store_true", help="one line of JSON on standard output, everything else on standard error")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Finalize a study; the exit code is 0, 1 where a run failed, 2 for a user's error, 130 after Ctrl-C."""
    be_quiet()
    goes_on = "interrupted; the same command goes on, and repeats nothing that is in the ledger"
    return exit_code(lambda: _finalize(parse(argv)), goes_on)


def _finalize(arguments: argparse.Namespace) -> int:
    console = Console(stderr=arguments.json)
    with closing(ConsoleLog(console)) as log:
        from tuning.finals.session import finalize  # Ray and torch, which take seconds, only once the flags are read

        return finalize(arguments, console, log)


if __name__ == "__main__":
    raise SystemExit(main())
