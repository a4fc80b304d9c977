"""`python tuning/ties.py --study NAME`: which trials cannot be told from the best, and what picking it overstates."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console

from athwe.command_line import Parser, number
from tuning.commands import add_training_flags, exit_code
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import DEFAULT_URL, display_url

LEAST_ALPHA = 0.001
"""Ten of the comparison's 10,000 resamples: below, they cannot tell, and all trials would tie."""

if TYPE_CHECKING:
    from tuning.findings.ties import Ties
    from tuning.stored.data import StoredStudy


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/ties.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name of the study")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add("--alpha", type=_alpha, default=0.05, help="share of studies that may call equals different (default: 0.05)")
    add("--json", action="store_true", help="one line of JSON on standard output, everything else on standard error")
    again = parser.add_argument_group("training the tied trials again")
    add = again.add_argument
    add("--replicate-ties", type=_seeds, metavar="N",
        help="train each on N further seeds (2 at least) and compare again; what is there is not repeated")  # fmt: skip
    add_training_flags(add)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Tell a study's tie set; the exit code is 0, 1 where a run failed, 2 for a user's error, 130 after Ctrl-C."""
    be_quiet()
    goes_on = "interrupted; the same command goes on, and repeats no run that came to its end"
    return exit_code(lambda: _ties(parse(argv)), goes_on)


def _ties(arguments: argparse.Namespace) -> int:
    from tuning.findings.ties import keep_ties, over_seeds
    from tuning.findings.ties_report import json_line, print_report
    from tuning.stored.data import read_study
    from tuning.stored.study import open_existing

    console, failures = Console(stderr=arguments.json), []
    with open_existing(arguments.store) as store:
        study = read_study(store, arguments.study)
    found = _find(study, arguments.alpha)
    if arguments.replicate_ties:
        from tuning.replicates.session import replicate  # Ray and torch, which take seconds, only where need be

        with closing(ConsoleLog(console)) as log:
            failures = replicate(study, found, arguments, console, log)
        with _readable(study):
            found = replace(found, over_seeds=over_seeds(found.trials, study.spec, study.storage, found.alpha))
    print_report(console, study.spec, found, failures)
    if arguments.json:
        print(json_line(study.spec, found, failures, {"store": display_url(arguments.store)}))
    with open_existing(arguments.store, to_write=True) as store:
        keep_ties(store, study.name, found)
    return 1 if failures else 0


def _find(study: "StoredStudy", alpha: float) -> "Ties":
    """The tie set of what is on record.

    Raises:
        SearchError: there is nothing to compare, or it cannot be reached.
    """
    from tuning.errors import SearchError
    from tuning.findings.ties import find_ties

    with _readable(study):
        found = find_ties(study.trials, study.spec, study.storage, alpha)
    if found is None or not found.trials:
        why = "" if found is None else "; ".join(f"trial {number}: {text}" for number, text in found.left_out.items())
        raise SearchError(
            f"study {study.name!r} has nothing to compare by {study.spec.objective}: it takes COMPLETE trials, their "
            f"per-user results and an objective such as valid/ndcg@10{f' ({why})' if why else ''}"
        )
    return found


@contextmanager
def _readable(study: "StoredStudy") -> Iterator[None]:
    from pyarrow import ArrowException

    from tuning.errors import SearchError

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SearchError(f"cannot read {study.storage.url}: {reason}") from None


def _alpha(text: str) -> float:
    expected = f"a number from {LEAST_ALPHA:g} up and below 1"
    return number(float, text, expected, lambda value: LEAST_ALPHA <= value < 1)


def _seeds(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number above 1, got {text!r}: one seed tells of no spread")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
