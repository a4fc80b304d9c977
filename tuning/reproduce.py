"""`python tuning/reproduce.py --study NAME --trial N`: train a stored trial again, and say whether it is the same."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console

from athwe.command_line import Parser
from tuning.commands import exit_code, trial_number
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import DEFAULT_URL

DIFFERENT = 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/reproduce.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name of the study")
    add("--trial", required=True, type=trial_number, metavar="N", help="number of the trial")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add("--dataset-root", help="folder of data sets (default: where the study had it)")
    add("--json", action="store_true", help="one line of JSON on standard output, everything else on standard error")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Reproduce a trial; the exit code is 0, 1 where it differs, 2 for a user's error, 130 after Ctrl-C."""
    be_quiet()
    return exit_code(lambda: _reproduce(parse(argv)))


def _reproduce(arguments: argparse.Namespace) -> int:
    console = Console(stderr=arguments.json)
    with closing(ConsoleLog(console)) as log:
        from tuning.stored.reproduce_session import reproduce  # Ray and torch take seconds: once the flags are read

        verdict = reproduce(arguments, console, log)
    if arguments.json:
        print(json.dumps(verdict))
    return 0 if verdict["result"] == "pass" else DIFFERENT


if __name__ == "__main__":
    raise SystemExit(main())
