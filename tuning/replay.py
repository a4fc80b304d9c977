"""`python tuning/replay.py --study NAME`: what another pruner setting would have saved and lost, without training."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console
from rich.table import Table

from athwe.command_line import Parser, number, positive_int, probability
from tuning.commands import exit_code
from tuning.console import counted, say, table_console
from tuning.errors import SearchError
from tuning.quiet import be_quiet, silence_loggers
from tuning.store import DEFAULT_URL

if TYPE_CHECKING:
    from tuning.planning.spec import Spec
    from tuning.pruning.pruner import Report
    from tuning.pruning.trained import Trained
    from tuning.pruning.what_if import Outcome, Setting

    Rows = list[tuple[Setting, Outcome]]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/replay.py", description=__doc__)
    add = parser.add_argument
    add("--study", required=True, help="name")
    add(
        "--reduction-factor",
        type=_factor,
        nargs="+",
        default=[],
        help="to try (default: the study's, one less and more)",
    )
    add(
        "--grace-epochs", type=positive_int, nargs="+", default=[], help="to try (default: the study's, half and twice)"
    )
    add("--pruner", choices=("asha", "racing"), nargs="+", help="to try (default: those that the study has data for)")
    add("--alpha", type=probability, nargs="+", default=[], help="of racing, to try (default: the study's)")
    add("--orders", type=positive_int, metavar="N", help="N random orders of the trials, one at a time; mean and range")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add("--json", action="store_true", help="one line of JSON instead of the table")
    arguments = parser.parse_args(argv)
    for flag, given, pruner in (
        ("--alpha", arguments.alpha, "racing"),
        ("--reduction-factor", arguments.reduction_factor, "asha"),
    ):
        if given and arguments.pruner and pruner not in arguments.pruner:
            parser.error(f"{flag} is of {pruner}, which --pruner leaves out")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Replay; the exit code is 0, or 2 for a user's error."""
    be_quiet()
    return exit_code(lambda: _replay(parse(argv)))


def _replay(arguments: argparse.Namespace) -> int:
    from tuning.pruning import what_if  # with it Ray, which takes seconds, only once the flags are read
    from tuning.pruning.orders import one_after_another, random_orders
    from tuning.pruning.trained import ranks_of, reports_of, trained_trials
    from tuning.stored.study import open_existing, spec_of, study_row

    silence_loggers()
    with open_existing(arguments.store) as store:
        spec = spec_of(study_row(store, arguments.study))
        trials = trained_trials(store, spec.study, spec.objective)
        ranks = ranks_of(store, spec.study)
    epochs = spec.config.epochs
    if any(grace > epochs for grace in arguments.grace_epochs):
        raise SearchError(
            f"--grace-epochs takes up to {epochs}, the epochs of a trial, got {max(arguments.grace_epochs)}"
        )
    if not trials:
        raise SearchError(f"study {spec.study!r} has no epoch yet to replay")
    own = what_if.own_setting(spec)
    reports = reports_of(trials, ranks)
    settings = _settings(arguments, spec, all(report.ranks for report in reports))
    maximize = spec.direction == "maximize"

    def row(setting: "Setting", reports: "list[Report]") -> "Outcome":
        return what_if.outcome(trials, what_if.verdicts_under(spec, reports, setting), epochs, maximize)

    if arguments.orders:
        orders = random_orders((trial.number for trial in trials), arguments.orders, spec.config.seed)
        runs = [one_after_another(reports, order) for order in orders]
        spreads = [(setting, [row(setting, run) for run in runs]) for setting in settings]
        _print_orders(arguments.json, spec, spreads, _trained(trials)[0])
        return 0
    rows: Rows = [(setting, row(setting, reports)) for setting in settings]
    agreed = what_if.agreement(trials, what_if.verdicts_under(spec, reports, own))
    has_pruner = spec.settings.pruner.name != "none"
    if arguments.json:
        print(json.dumps(_facts(spec, trials, agreed if has_pruner else None, rows)))
    else:
        console = table_console()
        _say(console, spec, agreed if has_pruner else None, own, len(trials))
        console.print(_table(rows, own if has_pruner else None, _trained(trials)))
        _explain(console, spec, rows)
    return 0


def _settings(arguments: argparse.Namespace, spec: "Spec", has_ranks: bool) -> "list[Setting]":
    from tuning.pruning import what_if

    if "racing" in (arguments.pruner or ()) and not has_ranks:
        raise SearchError(f"study {spec.study!r} has not every epoch's ranks of users: racing cannot be replayed on it")
    own, epochs, graces = what_if.own_setting(spec), spec.config.epochs, arguments.grace_epochs
    pruners = arguments.pruner or ["asha", *["racing"] * has_ranks]
    halving = what_if.grid(own, epochs, arguments.reduction_factor, graces) if "asha" in pruners else []
    alphas = arguments.alpha or [spec.settings.pruner.alpha]
    return halving + (what_if.race_grid(own, epochs, alphas, graces) if "racing" in pruners else [])


def _print_orders(as_json: bool, spec: "Spec", spreads: "list[tuple[Setting, list[Outcome]]]", trained: int) -> None:
    """Mean and range over the orders of epochs spent, and of what was lost (the regret)."""
    if as_json:
        facts = [{**vars(setting), "orders": [one.values() for one in found]} for setting, found in spreads]
        print(json.dumps({"study": spec.study, "objective": spec.objective, "epochs": trained, "settings": facts}))
        return
    table = Table(
        title=f"{spec.study}, {len(spreads[0][1])} orders of its trials, {trained} epochs", title_justify="left"
    )
    for title in ("pruner", "grace epochs", "epochs spent", "regret", "orders that lost the best"):
        table.add_column(title, justify="right")
    for setting, found in spreads:
        spent, lost = [trained - one.epochs_saved for one in found], [one.lost for one in found if one.lost is not None]
        times = sum(value > 0 for value in lost)
        cells = (_mean_and_range(spent, ".1f", "d"), _mean_and_range(lost, ".4f", ".4f"), f"{times}/{len(found)}")
        table.add_row(str(setting), str(setting.grace_epochs), *cells)
    table_console().print(table)


def _mean_and_range(values: Sequence[float], mean: str, one: str) -> str:
    if not values:
        return "–"
    return f"{sum(values) / len(values):{mean}} ({min(values):{one}} to {max(values):{one}})"


def _facts(spec: "Spec", trials: "list[Trained]", agreed: tuple[int, int] | None, rows: "Rows") -> dict[str, Any]:
    epochs, seconds = _trained(trials)
    return {
        "study": spec.study,
        "objective": spec.objective,
        "trials": len(trials),
        "epochs": epochs,
        "train_seconds": seconds,
        "agreement": None if agreed is None else {"same": agreed[0], "of": agreed[1]},
        "settings": [{**vars(setting), **outcome.values()} for setting, outcome in rows],
    }


def _trained(trials: "list[Trained]") -> tuple[int, float]:
    """Epochs, and seconds of training."""
    epochs = [epoch.train_seconds for trial in trials for epoch in trial.epochs.values()]
    return len(epochs), sum(epochs)


def _say(console: Console, spec: "Spec", agreed: tuple[int, int] | None, own: "Setting", trials: int) -> None:
    if agreed is None:
        line = f"{spec.study} had no pruner: what becomes of its {trials} trials is known"
    else:
        why = "" if agreed[0] == agreed[1] else " (after a resume verdicts may differ, and so may this)"
        settings = f"{own}, first rung in epoch {own.grace_epochs}"
        line = f"replaying {spec.study} ({settings}): the stored verdict for {agreed[0]}/{agreed[1]} trials{why}"
    say(console, line)


def _table(rows: "Rows", own: "Setting | None", trained: tuple[int, float]) -> Table:
    table = Table()
    for title in ("pruner", "grace epochs", "given up", "epochs saved", "seconds saved"):
        table.add_column(title, justify="right")
    table.add_column("fate unknown")
    table.add_column("lost", justify="right")
    epochs, seconds = trained
    for setting, outcome in rows:
        trials, beyond = counted(outcome.unknown, "trial"), counted(outcome.epochs_beyond, "epoch")
        unknown = f"{trials}, up to {beyond} more" if outcome.unknown else "–"
        lost = "–" if outcome.lost is None else f"{'≤ ' * (outcome.unknown > 0 and outcome.lost > 0)}{outcome.lost:.4f}"
        table.add_row(
            str(setting),
            str(setting.grace_epochs),
            str(outcome.given_up),
            f"{outcome.epochs_saved} ({_share(outcome.epochs_saved, epochs)})",
            f"{outcome.seconds_saved:.0f} ({_share(outcome.seconds_saved, seconds)})",
            unknown,
            lost,
            style="bold" if setting == own else None,
        )
    return table


def _explain(console: Console, spec: "Spec", rows: "Rows") -> None:
    lines = [
        f"lost: {spec.objective} of the best complete trial against that of the best one not given up; no trial audited"
    ]
    if any(outcome.unknown for _, outcome in rows):
        lines.append(
            "fate unknown: not given up there, but not trained further here; it may only make the loss smaller"
        )
    for line in lines:
        say(console, line, style="dim")


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "0%"


def _factor(text: str) -> float:
    return number(float, text, "a number above 1", lambda value: 1 < value < float("inf"))


if __name__ == "__main__":
    raise SystemExit(main())
