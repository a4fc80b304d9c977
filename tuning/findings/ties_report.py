"""What a tie set says: a table of its trials, another one over further seeds, and the optimism."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tuning.console import say, say_failed
from tuning.findings.ties import Ties
from tuning.planning.spec import Spec


def print_report(console: Console, spec: Spec, found: Ties, failures: Sequence[Mapping[str, Any]] = ()) -> None:
    """The tables, what was left out of them, the optimism, and runs on further seeds that failed."""
    mode = f"{spec.objective}, {spec.config.protocol}"
    console.print(table(f"{spec.study}, {mode}, {found.users:,} users", found))
    if found.over_seeds:
        console.print(table("the same on further seeds, mean over seeds", found.over_seeds))
    for number, why in found.left_out.items():
        say(console, f"trial {number} is not compared: {why}")
    for number, why in found.over_seeds.left_out.items() if found.over_seeds else ():
        say(console, f"trial {number} over seeds: {why}")
    say(console, f"picking the best of {len(found.trials)} overstates it by about {found.optimism:.4f}")
    say_failed(console, len(failures))


def json_line(spec: Spec, found: Ties, failures: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """The one line of `--json`."""
    return json.dumps(
        {
            "study": spec.study,
            "dataset": spec.dataset,
            "objective": spec.objective,
            "split": "valid",
            "mask_seen": spec.config.mask_seen,
            "protocol": spec.config.protocol,
            "alpha": found.alpha,
            **facts,
            "users": found.users,
            "optimism": found.optimism,
            "trials": found.trials,
            "over_seeds": found.over_seeds and found.over_seeds.trials,
            "left_out": found.left_out,
            "failures": list(failures),
        }
    )


def table(title: str, ties: Ties) -> Table:
    """A line a trial, the best one first."""
    made = Table(title=title, title_justify="left")
    interval = f"{100 * (1 - ties.alpha):g}% interval"  # 99.9, not rounded to 100
    columns = ("trial", "seeds", "mean", "sd", "to the best", interval, "adjusted p", "tied")
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
