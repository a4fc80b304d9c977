"""How long the dashboard takes in a browser on a large store, and how much memory it holds.

    python benchmarks/dashboard.py [--studies 50] [--trials 2000] [--users 100000] [--repeats 3] [--json]

A made-up store: one study of 2,000 trials of 50 epochs with all metrics of a real search, 49 small studies, top-50
lists of 100,000 users from two trials, their histories and items. The real server and headless Chromium; a time ends
when everything is drawn. The page may take 2 seconds at first and 1 second for a change, as its contract says; a
change's time is the median of its repeats. Memory is held against that on a tenth of the data. Sorting and searching
a table are left out: the browser does them alone.
"""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Locator

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "dashboard")]

from browser import Server, Visitor, chromium, serving  # noqa: E402

from benchmarks.dashboard_store import LARGE, build  # noqa: E402
from benchmarks.measure import Check, progress, report  # noqa: E402

MOST_SECONDS_AT_FIRST, MOST_SECONDS_FOR_A_CHANGE = 2.0, 1.0
MOST_TIMES_THE_MEMORY = 2.0
"""Of the server with ten times the data."""


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("studies", 50), ("trials", 2000), ("users", 100_000), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--store", metavar="FOLDER", help="keep the stores here, and take them from here")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(options.store or temporary).resolve()
        stores = [
            _store(root / name, options.studies, options.trials // share, options.users // share)
            for name, share in (("tenth", 10), ("whole", 1))
        ]
        (_, _, small_bytes), (firsts, changes, large_bytes) = (_measure(url, options.repeats) for url in stores)
    seconds = {name: median(measured["seconds"] for measured in repeats) for name, repeats in changes.items()}
    checks = [Check(f"{name} (s)", value, MOST_SECONDS_AT_FIRST) for name, value in firsts.items()]
    checks += [Check(f"{name} (s)", value, MOST_SECONDS_FOR_A_CHANGE) for name, value in seconds.items()]
    checks += [Check("memory / that on a tenth of the data", large_bytes / small_bytes, MOST_TIMES_THE_MEMORY)]
    facts = {f"{name}: first, server CPU, sent": _fact(repeats) for name, repeats in changes.items()}
    facts |= {"memory of the server (MB)": round(large_bytes / 1e6), "on a tenth (MB)": round(small_bytes / 1e6)}
    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    return report("dashboard", checks, facts | {"load of the machine, of 1, 5 and 15 minutes": load}, options.json)


def _store(folder: Path, studies: int, trials: int, users: int) -> str:
    if not (folder / "athwe.db").exists():
        progress(f"writing a store of {trials} trials and {users} users")
        folder.mkdir(parents=True, exist_ok=True)
        other = get_context("spawn").Process(target=build, args=(folder, studies, trials, users))
        other.start()
        other.join()
        assert other.exitcode == 0, "the store was not written"
    return f"sqlite:///{folder}/athwe.db"


def _measure(url: str, repeats: int) -> tuple[dict[str, float], dict[str, list[dict]], int]:
    """Seconds of the first views, what each change took each time, and bytes of memory of the server afterwards."""
    progress(f"looking at {url}")
    changes: dict[str, list[dict]] = defaultdict(list)
    with serving(url) as server, chromium() as browser:
        firsts = {"start of the server": server.start_seconds}
        for name in ("first view, the server just started", "first view of another visitor"):
            visitor = Visitor.of(browser, server)
            firsts[name] = _seconds(visitor.open)
        memory = psutil.Process(server.process.pid)
        for _ in range(repeats):
            visitor.open(study=LARGE)
            for name, act in _changes(visitor):
                changes[name].append(_take(visitor, server, act))
        return firsts, changes, memory.memory_info().rss


def _changes(visitor: Visitor) -> Iterator[tuple[str, Callable[[], object]]]:
    """What somebody does, one after the other: its name, and the last click of it."""
    yield "to compare", visitor.view("Compare").click
    yield "without pruned trials", visitor.page.get_by_role("button", name="Remove PRUNED").click
    for section in ("Curves", "Parameters", "Slices", "Contour", "Pruner", "Difference", "Overview"):
        yield f"compare: {section.lower()}", _section(visitor, section).click
    yield "to a small study", visitor.option("Study", "small-07").click
    yield "to the large study", visitor.option("Study", LARGE).click
    yield "to a trial", visitor.view("Trial").click
    yield "another trial", visitor.option("Trial", "trial 150").click
    yield "to the evaluation", visitor.view("Evaluation").click
    visitor.open(study=LARGE, view="evaluation", trials="0,1")  # those with results by user
    yield "evaluation: slices of users", _section(visitor, "Slices of users").click
    yield "evaluation: slices by time gap", visitor.option("Slices", "Last time gap").click
    yield "to the users", visitor.view("Users").click
    yield "another user", visitor.option("User", f"A{7:013d}").click
    yield "to the studies", visitor.view("Studies").click


def _section(visitor: Visitor, name: str) -> Locator:
    """What switches to a section of the view."""
    return visitor.page.get_by_test_id("stButtonGroup").locator("button").filter(has_text=name)


def _take(visitor: Visitor, server: Server, act: Callable[[], object]) -> dict[str, float]:
    process = psutil.Process(server.process.pid)
    cpu, received = sum(process.cpu_times()[:2]), visitor.received_bytes
    seconds = _seconds(lambda: visitor.after(act))
    return {
        "seconds": seconds,
        "cpu": sum(process.cpu_times()[:2]) - cpu,
        "kilobytes": (visitor.received_bytes - received) / 1000,
    }


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _fact(repeats: list[dict]) -> str:
    cpu, kilobytes = (median(measured[name] for measured in repeats) for name in ("cpu", "kilobytes"))
    return f"{repeats[0]['seconds']:.2f} s, {cpu:.2f} s, {kilobytes:.0f} kB"


if __name__ == "__main__":
    sys.exit(main())
