"""`python tuning/studies.py list | export | delete`: the studies of a store."""

import argparse
import io
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import pandas as pd
from rich.console import Console
from rich.table import Table

from athwe.command_line import Parser
from tuning.books.driver import DRIVER, claim, is_surely_dead
from tuning.commands import exit_code
from tuning.console import counted, say, table_console
from tuning.errors import SearchError
from tuning.quiet import be_quiet, silence_loggers
from tuning.schema import COMPLETE, FAIL, PRUNED, RUNNING, test_evaluation
from tuning.store import DEFAULT_URL, LIVE_SECONDS, now
from tuning.stored.study import open_existing, spec_of, study_row

if TYPE_CHECKING:
    from tuning.stored.removal import Files

OK, NOT_DONE = 0, 1
ACTIVE, ENDED, INTERRUPTED = "running", "ended", "cut off"
_STATES = (COMPLETE, PRUNED, FAIL, RUNNING)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or command.
    """
    parser = Parser(prog="python tuning/studies.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | export | delete")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, prog=f"{parser.prog} {name}")
        added.add_argument("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
        added.set_defaults(run=run)
        return added

    command("list", list_studies, "one line a study, newest first; a store of an older version is taken forward")
    export = command("export", export_study, "trials as CSV, and the best configuration as YAML")
    export.add_argument("--study", required=True, help="name")
    export.add_argument("--output", type=Path, metavar="FILE", help="of the CSV (default: standard output)")
    export.add_argument("--best", type=Path, metavar="FILE", help="write the best configuration, for --config, instead")
    delete = command("delete", delete_study, "remove a study from the store and from Optuna's tables")
    delete.add_argument("--study", required=True, help="name")
    delete.add_argument("--files", action="store_true", help="its files under the storage path, too, on S3 as well")
    delete.add_argument("--ledger", action="store_true", help="its looks at test, too, which it is kept for otherwise")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 where the answer was no, 2 for a user's error."""
    be_quiet()
    return exit_code(lambda: _run(parse(argv)))


def _run(arguments: argparse.Namespace) -> int:
    return arguments.run(arguments)


def list_studies(arguments: argparse.Namespace) -> int:
    """Print the studies."""
    table = Table()
    table.add_column("study", overflow="fold")
    table.add_column("data set", overflow="fold")
    table.add_column("state")
    for title in (*(state.lower() for state in _STATES), "best", "looks at test", "started (UTC)", "time"):
        table.add_column(title, justify="right", overflow="fold")
    with open_existing(arguments.store) as store:
        at = now()
        rows = store.studies().to_dict("records")
        for row in rows:
            looks = len(store.test_evaluations(row["study_name"]))
            table.add_row(*_cells(row, looks, at))
    table_console(200).print(table if rows else "no study yet: python tuning/search.py makes one")
    return OK


def activity(row: dict[str, Any], at: datetime) -> str:
    """Whether a search is at work on a study, has ended, or was cut off, so that `--resume` goes on with it."""
    is_heard = not pd.isna(row["heartbeat_at"]) and at - row["heartbeat_at"] < timedelta(seconds=LIVE_SECONDS)
    if is_heard and not is_surely_dead(row["driver"]):
        return ACTIVE
    return INTERRUPTED if pd.isna(row["ended_at"]) else ENDED


def _cells(row: dict[str, Any], looks: int, at: datetime) -> list[str]:
    state = activity(row, at)
    until = at if state == ACTIVE else row["ended_at"] if state == ENDED else row["heartbeat_at"]
    time = "–" if pd.isna(until) else str(timedelta(seconds=int((until - row["created_at"]).total_seconds())))
    best = "–" if pd.isna(row["best_value"]) else f"{row['objective'].removeprefix('valid/')} {row['best_value']:.4f}"
    counts = [str(row[state] or "–") for state in _STATES]
    started = f"{row['created_at']:%Y-%m-%d %H:%M}"
    return [row["study_name"], row["dataset"], state, *counts, best, str(looks or "–"), started, time]


def export_study(arguments: argparse.Namespace) -> int:
    """Write what was asked for."""
    # They need torch's config.
    from tuning.findings.export import best_config, config_yaml, csv_text, trial_rows, write_whole

    with open_existing(arguments.store) as store:
        row = study_row(store, arguments.study)
        if arguments.best:
            spec = spec_of(row)
            number, config = best_config(spec, store)
            write_whole(arguments.best, config_yaml(spec, number, config))
            _say(f"the configuration of trial {number} is in {arguments.best}: give it as --config {arguments.best}")
        if arguments.output or not arguments.best:
            columns, rows = trial_rows(store, arguments.study)
            text = csv_text(columns, rows)
            if arguments.output:
                write_whole(arguments.output, text)
                _say(f"{counted(len(rows), 'trial')} in {arguments.output}")
            else:
                if isinstance(sys.stdout, io.TextIOWrapper):
                    sys.stdout.reconfigure(encoding="utf-8")  # data, for a file: not what the terminal can show
                sys.stdout.write(text)
    return OK


def delete_study(arguments: argparse.Namespace) -> int:
    """Say what goes, ask, and remove it."""
    from tuning.stored import removal  # Optuna, which takes a second

    silence_loggers()
    name = arguments.study
    with open_existing(arguments.store, to_write=True) as store:
        row = study_row(store, name)
        if activity(row, now()) == ACTIVE:
            raise removal.at_work(name)
        counts = store.row_counts(name)
        looks = counts[test_evaluation.name]
        if looks and not arguments.ledger:
            raise SearchError(
                f"study {name!r} has had {counted(looks, 'look')} at test, whose ledger goes with it: add --ledger "
                "to delete both"
            )
        files = removal.own_files(store, row) if arguments.files else None
        _say(_what_goes(name, counts, removal.optuna_trials(arguments.store, name), files))
        if not (arguments.yes or _is_wanted()):
            _say("nothing was deleted")
            return NOT_DONE
        claim(store, name, DRIVER)
        if files:
            removal.remove_files(files)
        removal.remove_rows(store, arguments.store, name)
    _say(f"{name} is deleted")
    return OK


def _what_goes(name: str, counts: dict[str, int], optuna_trials: int, files: "Files | None") -> str:
    rows = ", ".join(f"{table} {count:,}" for table, count in counts.items() if count)
    text = f"deleting {name} removes these rows: {rows}; and {counted(optuna_trials, 'trial')} from Optuna's tables"
    if files is None:
        return f"{text}; its files stay"
    number, size = files.size()
    text += f"; and {counted(number, 'file')} ({size / 1e6:,.1f} MB) in {files.storage.url}"
    return f"{text}, where the folders of all studies stay for another one" if files.is_shared else text


def _is_wanted() -> bool:
    if not sys.stdin.isatty():
        raise SearchError("there is no terminal to ask on: add --yes to delete it")
    return input("delete it? [y/N] ").strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    say(Console(), line)


if __name__ == "__main__":
    raise SystemExit(main())
