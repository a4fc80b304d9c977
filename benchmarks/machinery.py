"""What a search is without training: 1,000 trials of a stub through Ray Tune, Optuna, pruner, journal and store.

    python benchmarks/machinery.py [--trials 1000] [--json]

The search is `tuning/search.py`'s own, of the demo catalogue, with the worker of `benchmarks/stub_worker.py` in place
of the one that trains. Two trials at once, two objectives, each epoch with as many metrics, a training state and a
model as in a real search. It proposes by `random`; what `tpe` takes instead is measured apart, on the same trials.
"""

import argparse
import io
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.agreement import disagreements
from benchmarks.measure import Check, progress, report
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import Store

STUDY, CONCURRENCY, EPOCHS = "machinery", 2, 9
EARLY_TRIALS = 100
"""What the driver holds after these is what it may hold after all."""
MOST_MEMORY, LEAST_ROWS_A_SECOND, MOST_SECONDS_A_TRIAL, MOST_SUMMARY = 1.15, 100, 0.4, 0.2
_SAMPLE_SECONDS = 0.2
_PROPOSED_AFTER = (0.01, 0.1, 0.3, 1.0)
"""Shares of the trials after which a proposal of TPE is timed."""


class MemoryWatch:
    """What this process holds over time, while a `with` block runs."""

    def __enter__(self) -> "MemoryWatch":
        self.samples: list[tuple[pd.Timestamp, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        from tuning.store import now
        from tuning.training.worker import resident_bytes

        while not self._over.wait(_SAMPLE_SECONDS):
            self.samples.append((pd.Timestamp(now()), resident_bytes() or 0))

    def at(self, when: pd.Timestamp) -> int:
        """Bytes at the last look before a time, or at the first one."""
        return next((held for time, held in reversed(self.samples) if time <= when), self.samples[0][1])


def main() -> int:
    """Search, then read out of the store what it took; exit code 0 where every limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    options = parser.parse_args()
    be_quiet()
    with tempfile.TemporaryDirectory() as folder:
        progress(f"searching {options.trials} trials of a stub, {CONCURRENCY} at once")
        with MemoryWatch() as memory:
            code = search(Path(folder), options.trials)
        assert code == 0, (Path(folder) / "log.txt").read_text()[-2000:]
        with Store.open(url(Path(folder)), read_only=False) as store:
            checks, facts = measure(store, Path(folder), memory, options.trials)
    return report(f"machinery of a search, {options.trials} trials", checks, facts, options.json)


def url(folder: Path) -> str:
    """Where the search writes."""
    return f"sqlite:///{folder}/store.db"


def search(folder: Path, trials: int) -> int:
    """Run the search in this process, which is its driver; gives its exit code."""
    (folder / "data").mkdir()
    os.environ.update(ATHWE_CACHE_DIR=str(folder / "cache"), ATHWE_DATASET_ROOT=str(folder / "data"))
    flags = {
        "--dataset": "demo",
        "--store": url(folder),
        "--study": STUDY,
        "--storage-path": folder / "study",
        "--trials": trials,
        "--epochs": EPOCHS,
        "--concurrency": CONCURRENCY,
        "--cpus-per-trial": 1,
        "--sampler": "random",
        "--also-minimize": "parameters",
    }
    from benchmarks.stub_worker import StubWorker  # Ray, only once it is told to be quiet
    from tuning.search import parse
    from tuning.study.session import search as search_with

    with open(folder / "log.txt", "w") as file:
        console = Console(file=file)
        with closing(ConsoleLog(console)) as log:
            arguments = parse([str(part) for pair in flags.items() for part in pair])
            return search_with(arguments, console, log, StubWorker)


def measure(store: Store, folder: Path, memory: MemoryWatch, asked: int) -> tuple[list[Check], dict[str, Any]]:
    """Figures of the finished study."""
    from benchmarks.stub_worker import diverges, quality
    from tuning.planning.spec import Spec
    from tuning.schema import COMPLETE, INVALID

    row, trials, rows = store.study(STUDY), store.trials(STUDY), store.row_counts(STUDY)
    assert row is not None
    spec, study = Spec.model_validate(row["spec"]), optuna.load_study(study_name=STUDY, storage=url(folder))
    ran = trials[trials["reason"] != INVALID].sort_values("ended_at")
    wall = (ran["ended_at"].iloc[-1] - row["created_at"]).total_seconds()
    early, late = (memory.at(ran["ended_at"].iloc[min(count, len(ran)) - 1]) for count in (EARLY_TRIALS, asked))
    summary = summary_seconds(store, study, spec)
    runs = ran[~ran["params"].map(diverges)]
    known = runs["number"].iloc[runs["params"].map(quality).argmax()]
    best = ran[ran["state"] == COMPLETE].sort_values("value")["number"].iloc[-1]
    models = len(list((folder / "study" / "models").iterdir()))
    differences = disagreements(store, study)
    checks = [
        Check("store rows a second", (rows["metric"] + rows["trial"]) / wall, LEAST_ROWS_A_SECOND, at_least=True),
        Check(f"driver's memory after {asked} trials / after {EARLY_TRIALS}", late / early, MOST_MEMORY),
        Check("wall seconds a trial", wall / len(ran), MOST_SECONDS_A_TRIAL),
        Check("summary / wall time", sum(summary.values()) / wall, MOST_SUMMARY),
        Check("trials that the store and Optuna tell differently", len(differences), 0),
        Check("trials missing", asked - len(ran), 0),
        Check("models kept", models, spec.settings.keep_models + 1),
        Check("another trial than the best was found best", int(best != known), 0),
    ]
    facts = {
        "differences": differences[:5],
        "wall seconds": round(wall, 1),
        "trials": dict(
            Counter(trials["state"] + trials["reason"].map(lambda why: f" ({why})" if isinstance(why, str) else ""))
        ),
        "rows": rows,
        "resident MB of the driver": [round(early / 1e6), round(late / 1e6)],
        "summary, seconds": {name: round(seconds, 2) for name, seconds in summary.items()},
        "tpe instead": tpe_share(study, spec, asked, wall),
        "load of the machine": round(os.getloadavg()[0], 2),
    }
    return checks, facts


def summary_seconds(store: Store, study: optuna.Study, spec: Any) -> dict[str, float]:
    """What comes after the last trial, part by part, once more."""
    from tuning.findings.summary import print_findings, save_importances
    from tuning.pruning.audit import save_pruner_audit

    console = Console(file=io.StringIO())
    parts: dict[str, Callable[[], object]] = {
        "importances": lambda: save_importances(store, study, spec.config.seed),
        "pruner audit": lambda: save_pruner_audit(store, spec),
        "findings with the Pareto set": lambda: print_findings(console, store, spec),
    }
    return {name: seconds_of(part) for name, part in parts.items()}


def tpe_share(study: optuna.Study, spec: Any, asked: int, wall: float) -> dict[str, Any]:
    """Seconds of a proposal after some of the trials, and of all of them against the search by `random`."""
    from benchmarks.proposals import ask_seconds, total_seconds

    trials, space = study.get_trials(deepcopy=False), spec.settings.space.distributions()
    counts = sorted({max(1, int(share * asked)) for share in _PROPOSED_AFTER})
    seconds = [ask_seconds("tpe", trials[:count], spec.direction, space) for count in counts]
    total = total_seconds(counts, seconds)
    return {
        "seconds a proposal": {count: round(each, 3) for count, each in zip(counts, seconds, strict=True)},
        "of random": round(ask_seconds("random", trials, spec.direction, space), 4),
        "seconds of all": round(total, 1),
        "share of the wall time then": round(total / (total + wall), 2),
    }


def seconds_of(action: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
