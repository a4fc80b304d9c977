"""What the benchmarks share: alternating timings, peak memory, and one way to report a ratio against its limit."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from athwe.allocator import keep_freed_memory


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The flags that every measurement of a step or a ranking takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="one JSON line")
    return parser


def set_up(options: argparse.Namespace) -> None:
    """Compute as a trial does: with so many threads, and freed memory kept."""
    torch.set_num_threads(options.threads)
    keep_freed_memory()


@dataclass(frozen=True)
class Check:
    """A measured figure that must not pass a limit."""

    name: str
    ratio: float
    limit: float
    at_least: bool = False
    """Whether the limit is a lower one."""

    @property
    def ok(self) -> bool:
        """Whether the limit is kept."""
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit


def alternate(actions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Wall seconds of each action, run in turn `repeats` times after one round that is not counted.

    In turn, so that whatever else the machine does falls on all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for round_number in range(repeats + 1):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            if round_number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def peak_memory_bytes() -> int:
    """The most memory this process has held so far (resident)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def report(title: str, checks: list[Check], facts: Mapping[str, object], as_json: bool) -> int:
    """Print a table for people, or one JSON line: `ratio` and `limit` of the first check, `ok` of all together.

    Returns:
        The exit code: 0 where every limit is kept, else 1.
    """
    ok = all(check.ok for check in checks)
    if as_json:
        lines = [asdict(check) | {"ok": check.ok} for check in checks]
        first = {"ratio": checks[0].ratio, "limit": checks[0].limit, "ok": ok}
        print(json.dumps(first | {"benchmark": title, "checks": lines, "facts": facts}))
        return int(not ok)
    console = Console()
    table = Table(title=title, title_justify="left")
    for name in ("measured", "value", "limit", ""):
        table.add_column(name, justify="left" if name == "measured" else "right")
    for check in checks:
        bound = f"{'≥' if check.at_least else '≤'} {check.limit:g}"
        table.add_row(check.name, f"{check.ratio:.3g}", bound, "[green]ok[/]" if check.ok else "[red]not met[/]")
    console.print(table)
    for name, value in facts.items():
        console.print(f"  {name}: {value}", highlight=False)
    return int(not ok)


def median_seconds(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each action's timings."""
    return {name: median(values) for name, values in seconds.items()}


def progress(message: str) -> None:
    """A line for whoever waits, apart from the result."""
    print(message, file=sys.stderr, flush=True)
