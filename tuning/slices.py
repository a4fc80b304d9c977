"""`python tuning/slices.py --study NAME --trials 0 4`: for which users some trials are good, and others better."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.table import Table

from athwe.command_line import Parser
from tuning.commands import exit_code, trial_number
from tuning.console import table_console
from tuning.quiet import be_quiet, silence_loggers
from tuning.store import DEFAULT_URL

if TYPE_CHECKING:
    from tuning.findings.by_slice import Cell, Row


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/slices.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name")
    add("--trials", required=True, nargs="+", type=trial_number, metavar="N", help="the first is compared with")
    add("--metric", type=_metric, help="such as recall@20 (default: the study's objective)")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add("--json", action="store_true", help="one line of JSON instead of the table")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the slices; the exit code is 0, or 2 for a user's error."""
    be_quiet()
    return exit_code(lambda: _slices(parse(argv)))


def _slices(arguments: argparse.Namespace) -> int:
    from tuning.files.storage import Storage
    from tuning.findings.by_slice import compare, read_items, read_ranks
    from tuning.stored.study import open_existing, spec_of, study_row

    silence_loggers()
    with open_existing(arguments.store) as store:
        row = study_row(store, arguments.study)
    spec, storage = spec_of(row), Storage.at(row["storage_path"])
    numbers = list(dict.fromkeys(arguments.trials))
    users = read_ranks(storage, spec.study, numbers)
    items = read_items(storage, spec.data_fingerprint)
    metric = arguments.metric or spec.objective.removeprefix("valid/")
    rows = compare(users, items, numbers, metric, spec.config)
    if arguments.json:
        mode = {"mask_seen": spec.config.mask_seen, "protocol": spec.config.protocol}
        facts = {"study": spec.study, "metric": f"valid/{metric}"} | mode
        print(json.dumps(facts | {"trials": numbers, "slices": [one.plain() for one in rows]}))
        return 0
    console = table_console()
    console.print(
        _table(rows, numbers, f"{spec.study}: valid/{metric} ({spec.config.protocol}), mean ± standard error")
    )
    console.print("▼ the worst slice of a trial; differences user by user with a 95 % interval, over users of one seed",
                  style="dim", highlight=False)  # fmt: skip
    return 0


def _table(rows: "list[Row]", numbers: Sequence[int], title: str) -> Table:
    from athwe.evaluation.slices import TITLES

    table = Table(title=title, title_justify="left")
    table.add_column("slice")
    for heading in ("users", *(f"trial {number}" for number in numbers)):
        table.add_column(heading, justify="right")
    for number in numbers[1:]:
        table.add_column(f"{number} less {numbers[0]}", justify="right")
    family = None
    for row in rows:
        if row.family != family:
            table.add_section()
            family = row.family
        label = f"{TITLES[row.family]}: {row.label}" if row.family in TITLES else row.label
        means = [f"{'▼ ' * (number in row.worst_of)}{_mean(row.cells[number])}" for number in numbers]
        gains = [_gain(row.cells[number]) for number in numbers[1:]]
        table.add_row(label, f"{row.users:,}", *means, *(gain.replace("[", r"\[") for gain in gains))
    return table


def _mean(cell: "Cell") -> str:
    """Of a single user nothing is known of the error."""
    error = "–" if isnan(cell.standard_error) else f"{cell.standard_error:.4f}"
    return f"{cell.mean:.4f} ± {error}"


def _gain(cell: "Cell") -> str:
    interval = "" if isnan(cell.low) else f" [{cell.low:+.4f}, {cell.high:+.4f}]"
    return f"{cell.difference:+.4f}{interval}"


def _metric(text: str) -> str:
    if not re.fullmatch(r"(ndcg|mrr|recall)@[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"expected a metric such as ndcg@10, mrr@20 or recall@5, got {text!r}")
    return text


if __name__ == "__main__":
    raise SystemExit(main())
