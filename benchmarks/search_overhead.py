"""What the search platform adds to training: wall time, a trial's start, a worker's memory, builds of prepared arrays.

    python benchmarks/search_overhead.py [--json]

One real search in processes of its own: 16 trials of the demo catalogue, none pruned, two at once with a core each.
The time of the search counts from when Ray is up until the study's end, so the start of the workers, the files, the
store, importances and the last trial that runs alone are in it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config import Config
from benchmarks.measure import Check, progress, report
from tuning.schema import COMPLETE
from tuning.store import Store

ROOT = Path(__file__).resolve().parent.parent
TRIALS, CONCURRENCY, EPOCHS = 16, 2, 5
MOST_WALL_TIME, MOST_START_SECONDS, MOST_MEMORY, MOST_BUILDS = 1.15, 0.5, 1.2, 1.0
FIRST_TRIALS = 2
"""Of a worker: what it holds after these is what it may hold after its last."""


def main() -> int:
    """Search, then read out of the store and the diagnostics what it took; exit code 0 where every limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        progress(f"searching {TRIALS} trials of {EPOCHS} epochs, {CONCURRENCY} at once")
        line = search(Path(folder))
        with Store.open(store_url(Path(folder)), read_only=True) as store:
            study = store.study(line["study"])
            trials = store.trials(line["study"])
            metrics = store.metrics(trials["trial_id"].tolist(), "train") if study else None
            seconds = store.metrics(trials["trial_id"].tolist(), names=["seconds"])
        assert study is not None and metrics is not None
        assert trials["state"].tolist() == [COMPLETE] * TRIALS, trials[["number", "state", "reason", "error"]]
        workers = read_workers(Path(line["storage_path"]), trials)
    wall_seconds = (study["ended_at"] - study["created_at"]).total_seconds()
    training_seconds = float(seconds["value"].sum())
    starts = metrics[metrics["name"] == "start_seconds"]["value"]
    assert len(starts) == TRIALS and len(seconds) == 2 * TRIALS * EPOCHS
    checks = [
        Check("wall time / training time a core", wall_seconds / (training_seconds / CONCURRENCY), MOST_WALL_TIME),
        Check("slowest start of a trial, seconds", float(starts.max()), MOST_START_SECONDS),
        Check("memory after a worker's last trial / its first two", memory_growth(workers), MOST_MEMORY),
        Check("builds / distinct things to build", build_ratio(workers, study["spec"]["config"], trials), MOST_BUILDS),
    ]
    facts = {
        "wall seconds": round(wall_seconds, 1),
        "training seconds of all trials": round(training_seconds, 1),
        "of them a trial": [round(value, 1) for value in seconds.groupby("trial_id")["value"].sum().sort_values()],
        "start of Ray and reading of the data, seconds": round(line["seconds"] - wall_seconds, 1),
        "first trial at work after, seconds": seconds_between(study["created_at"], trials["started_at"].min()),
        "one trial alone at the end, seconds": seconds_between(*trials["ended_at"].sort_values().iloc[-2:]),
        "from the last trial's end to the study's, seconds": seconds_between(
            trials["ended_at"].max(), study["ended_at"]
        ),
        "starts, seconds": [round(value, 3) for value in starts.sort_values()],
        "resident MB of each worker, by trial": by_worker(workers, "resident_bytes"),
        "resident MB between trials": by_worker(workers, "resident_bytes_before"),
        "built": total_built(workers),
        "load of the machine before and after": [*line["load"], round(os.getloadavg()[0], 2)],
    }
    return report("search overhead", checks, facts, options.json)


def store_url(folder: Path) -> str:
    """Where the search writes."""
    return f"sqlite:///{folder}/store.db"


def search(folder: Path) -> dict[str, Any]:
    """Run the search under `folder`, cold caches; gives its line of JSON."""
    settings = yaml.safe_load((ROOT / "config" / "search" / "athwe.yaml").read_text(encoding="utf-8"))
    settings["space"]["routed_expert_nums"]["low"] = settings["space"]["moe_topk"]["high"]  # nothing to reject
    (folder / "space.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    flags = {
        "--dataset": "demo",
        "--dataset-root": folder / "data",
        "--search-space": folder / "space.yaml",
        "--store": store_url(folder),
        "--storage-path": folder / "study",
        "--trials": TRIALS,
        "--epochs": EPOCHS,
        "--concurrency": CONCURRENCY,
        "--cpus-per-trial": 1,
        "--pruner": "none",
    }
    (folder / "data").mkdir()
    environment = os.environ | {"ATHWE_CACHE_DIR": str(folder / "cache"), "ATHWE_DATASET_ROOT": str(folder / "data")}
    command = [
        sys.executable,
        str(ROOT / "tuning" / "search.py"),
        "--json",
        *(str(p) for f in flags.items() for p in f),
    ]
    load = round(os.getloadavg()[0], 2)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=590)
    return json.loads(done.stdout) | {"load": [load]}


def read_workers(storage: Path, trials: pd.DataFrame) -> list[dict[str, Any]]:
    """What each trial's worker wrote of itself, in the order in which the trials began."""
    names = trials.sort_values("started_at")["trial_id"]
    return [json.loads((storage / "diagnostics" / f"{name}.json").read_text())["worker"] for name in names]


def by_worker(workers: list[dict[str, Any]], fact: str) -> list[list[int]]:
    """A fact in MB, a list a process."""
    held: dict[int, list[int]] = {}
    for worker in workers:
        held.setdefault(worker["pid"], []).append(round(worker[fact] / 1e6))
    return list(held.values())


def memory_growth(workers: list[dict[str, Any]]) -> float:
    """The worst over the processes: resident after the last trial, against the most after the first ones."""
    return max(held[-1] / max(held[:FIRST_TRIALS]) for held in by_worker(workers, "resident_bytes"))


def total_built(workers: list[dict[str, Any]]) -> dict[str, int]:
    """How many arrays of each kind all trials together built."""
    kinds = sorted({kind for worker in workers for kind in worker["built"]})
    return {kind: sum(worker["built"].get(kind, 0) for worker in workers) for kind in kinds}


def build_ratio(workers: list[dict[str, Any]], config: dict[str, Any], trials: pd.DataFrame) -> float:
    """Builds against what has to be built once a modality: labels for each number of clusters, and the points."""
    modalities = len([name for name in Config.model_validate(config).modalities or ("txt", "img") if name != "item"])
    distinct = trials["params"].map(lambda params: params["n_clusters"]).nunique()
    return sum(total_built(workers).values()) / (modalities * (distinct + 1))


def seconds_between(start: Any, end: Any) -> float:
    """From one time in the store to another."""
    return round((end - start).total_seconds(), 2)


if __name__ == "__main__":
    sys.exit(main())
