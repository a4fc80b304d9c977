"""What a finalisation says: means over the seeds, and how often the test split was looked at."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tuning.console import say, say_failed
from tuning.driving.progress import number_text
from tuning.finals.finalists import CONFIDENCE
from tuning.planning.spec import Spec

Results = Sequence[Mapping[str, Any]]
"""As `finalists.results` gives them."""


def print_report(
    console: Console, spec: Spec, found: Results, keys: Sequence[str], looks: int, failures: Sequence[Mapping[str, Any]]
) -> None:
    """A table of the finalists, the number of looks, and failures."""
    console.print(table(f"{spec.study} on test, {spec.config.protocol}", found, keys))
    times = "once" if looks == 1 else f"{looks} times"
    say(console, f"the test split was looked at {times} in this study")
    for one in found:
        if one.get("model"):
            text = f"trial {one['trial']}, its best seed on validation: {one['model']}"
            say(console, text)
    say_failed(console, len(failures))


def json_line(
    spec: Spec, found: Results, looks: int, failures: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> str:
    """The one line of `--json`."""
    return json.dumps(
        {
            "study": spec.study,
            "dataset": spec.dataset,
            "objective": spec.objective,
            "mask_seen": spec.config.mask_seen,
            "protocol": spec.config.protocol,
            "confidence": CONFIDENCE,
            "looks": looks,
            **facts,
            "trials": list(found),
            "failures": list(failures),
        }
    )


def table(title: str, found: Results, keys: Sequence[str]) -> Table:
    """For each finalist and metric: mean, sample standard deviation and interval over the seeds."""
    made = Table(title=title, title_justify="left")
    for name in ("trial", "seeds", "metric", "mean", "sd", f"{CONFIDENCE:.0%} interval"):
        made.add_column(name, justify="left" if name == "metric" else "right")
    for one in found:
        names = (str(one["trial"]), str(len(one["seeds"])))
        for key in keys:
            made.add_row(*names, _label(key), *_cells(one["metrics"].get(key)))
            names = ("", "")
    return made


def _label(key: str) -> str:
    """`ndcg@10`, and in what mode where it is not the title's."""
    split, _, name = key.partition("/")
    return name + split.removeprefix("test")


def _cells(summary: Mapping[str, Any] | None) -> tuple[str, str, str]:
    mean, sd, interval = (summary[name] if summary else None for name in ("mean", "sd", "interval"))
    return number_text(mean), number_text(sd), " … ".join(map(number_text, interval or (None,)))
