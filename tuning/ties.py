"""`python tuning/ties.py --study NAME`: which trials cannot be told from the best, and what picking it overstates."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console
from rich.table import Table

from athwe.command_line import Parser
from tuning.commands import exit_code
from tuning.quiet import be_quiet
from tuning.store import DEFAULT_URL, display_url


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
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Tell a study's tie set; the exit code is 0, 2 for a user's error, 130 after Ctrl-C."""
    be_quiet()
    return exit_code(lambda: _ties(parse(argv)))


def _ties(arguments: argparse.Namespace) -> int:
    from tuning.errors import SearchError
    from tuning.findings.ties import Ties, find_ties
    from tuning.stored.data import read_study
    from tuning.stored.study import open_existing

    console = Console(stderr=arguments.json)
    with open_existing(arguments.store) as store:
        study = read_study(store, arguments.study)
    spec, found = study.spec, None
    try:
        found = find_ties(study.trials, spec, study.storage, arguments.alpha)
    except OSError as error:
        raise SearchError(f"cannot read {study.storage.url}: {error.strerror or error}") from None
    if found is None or not found.trials:
        why = "" if found is None else "; ".join(f"trial {number}: {text}" for number, text in found.left_out.items())
        raise SearchError(
            f"study {study.name!r} has nothing to compare by {spec.objective}: it takes COMPLETE trials, their "
            f"per-user results and an objective such as valid/ndcg@10{f' ({why})' if why else ''}"
        )
    mode = f"{spec.objective}, mask_seen {str(spec.config.mask_seen).lower()}"

    def show(ties: Ties, title: str) -> None:
        console.print(_table(title, ties))

    show(found, f"{study.name}, {mode}, {found.users:,} users")
    if found.over_seeds:
        show(found.over_seeds, "the same on further seeds, mean over seeds")
    for number, why in found.left_out.items():
        console.print(f"trial {number} is not compared: {why}", markup=False, highlight=False, soft_wrap=True)
    text = f"picking the best of {len(found.trials)} overstates it by about {found.optimism:.4f}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if arguments.json:
        facts = {"study": study.name, "dataset": spec.dataset, "objective": spec.objective, "split": "valid"}
        facts |= {"mask_seen": spec.config.mask_seen, "store": display_url(arguments.store), "alpha": found.alpha}
        over_seeds = found.over_seeds and found.over_seeds.trials
        numbers = {"users": found.users, "optimism": found.optimism, "trials": found.trials, "over_seeds": over_seeds}
        print(json.dumps(facts | numbers | {"left_out": found.left_out}))
    return 0


def _table(title: str, ties) -> Table:
    made = Table(title=title, title_justify="left")
    columns = ("trial", "seeds", "mean", "sd", "to the best", f"{1 - ties.alpha:.0%} interval", "adjusted p", "tied")
    for name in columns:
        made.add_column(name, justify="right")
    for trial in ties.trials:
        spread = "–" if trial.get("sd") is None else f"{trial['sd']:.4f}"
        interval = f"{trial['low']:+.4f} … {trial['high']:+.4f}"
        made.add_row(
            *(str(trial["trial"]), str(trial["seeds"]), f"{trial['mean']:.4f}", spread, f"{trial['difference']:+.4f}"),
            *(interval, f"{trial['p_adjusted']:.4f}", "yes" if trial["tied"] else ""),
        )
    return made


def _alpha(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and below 1, got {text!r}")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
