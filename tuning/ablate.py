"""`python tuning/ablate.py --study NAME`: train the best trial again without each part, and compare user by user."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from athwe.command_line import Parser, positive_int
from tuning.choices import ABLATION_PARTS
from tuning.commands import add_training_flags, exit_code, trial_number
from tuning.console import table_console
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import DEFAULT_URL

NARROWEST = 200
"""Columns of the table where no terminal says how wide it is."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/ablate.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name of the study")
    add("--trial", type=trial_number, metavar="N", help="a trial by number (default: the best one)")
    add("--seeds", type=positive_int, default=3, help="fresh seeds at least; all on record are shown (default: 3)")
    add("--parts", nargs="+", choices=ABLATION_PARTS, metavar="PART",
        help=f"what to take out, of {', '.join(ABLATION_PARTS)} (default: all that is there)")  # fmt: skip
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add_training_flags(add)
    add("--json", action="store_true", help="one line of JSON on standard output, everything else on standard error")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Ablate a trial; the exit code is 0, 1 where a run failed, 2 for a user's error, 130 after Ctrl-C."""
    be_quiet()
    goes_on = "interrupted; the same command goes on, and repeats no run that came to its end"
    return exit_code(lambda: _ablate(parse(argv)), goes_on)


def _ablate(arguments: argparse.Namespace) -> int:
    console = table_console(NARROWEST, stderr=arguments.json)
    with closing(ConsoleLog(console)) as log:
        from tuning.ablation.session import ablate  # Ray and torch, which take seconds, only once the flags are read

        return ablate(arguments, console, log)


if __name__ == "__main__":
    raise SystemExit(main())
