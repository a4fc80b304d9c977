"""K-medoids in bounded memory against the published full method, which holds all distances: quality, memory, time.

    python benchmarks/medoids.py [--json] [--dataset-root ../shared/data]

Both cluster the same whitened features with the same seed, each in a process of its own, which makes or reads the
features too, so its peak memory includes everything. Made-up features have known clusters. ml-100k is compared where
it is there (below `--dataset-root` or `ATHWE_DATASET_ROOT`). The full method takes 7 GB at Home_and_Kitchen's 28,237
items, where the other methods that a configuration can ask for are shown too.
"""

import argparse
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config import Config
from athwe.data import load_dataset
from athwe.data.alternate import MAX_ITERATIONS, nearest, total_distance
from athwe.data.clusters import whiten
from athwe.data.medoids import choose_method, find_medoids
from benchmarks.home_and_kitchen import FEATURE_WIDTH, ITEMS, make_features
from benchmarks.measure import Check, peak_memory_bytes, progress, report

SEED, CLUSTERS = 2025, 100
GROCERY_ITEMS = 4371
REAL = "ml-100k"
OTHERS = ("clara", "fasterpam")
FULL_METHOD_BYTES = 9e9
MOST_OBJECTIVE, MOST_LOSS, MOST_GIGABYTES = 1.05, 0.02, 2.0


@dataclass(frozen=True)
class Result:
    """What one method made of one set of features."""

    objective: float
    """Sum of distances to the nearest medoid."""
    labels: np.ndarray
    agreement: dict[str, float]
    """NMI and ARI with the true clusters, where there are any."""
    seconds: float
    peak_gigabytes: float


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dataset-root", default=os.environ.get("ATHWE_DATASET_ROOT"))
    options = parser.parse_args()
    if available_bytes() < FULL_METHOD_BYTES:
        print(f"error: the full method needs {FULL_METHOD_BYTES / 1e9:.0f} GB of free memory", file=sys.stderr)
        return 2
    checks: list[Check] = []
    facts: dict[str, object] = {}
    cases = [f"made-up {ITEMS}", f"made-up {GROCERY_ITEMS}"]
    if options.dataset_root and (Path(options.dataset_root) / REAL).is_dir():
        cases += [f"{REAL} txt", f"{REAL} img"]
    else:
        facts[REAL] = "not compared, not found"
    for case in cases:
        methods = ("auto", "full", *(OTHERS if case == cases[0] else ()))
        results = {method: in_own_process(case, method, options.dataset_root) for method in methods}
        checks += compare(case, results["auto"], results["full"])
        facts |= {f"{case}, {method}": describe(result, results["full"]) for method, result in results.items()}
    return report("kmedoids", checks, facts, options.json)


def available_bytes() -> float:
    """Memory that can be had without swapping."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024 * float(lines["MemAvailable"].split()[0])


def in_own_process(case: str, method: str, dataset_root: str | None) -> Result:
    """`cluster` in a fresh process, so that its peak memory is its own."""
    progress(f"{case}: {method}")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(cluster, case, method, dataset_root).result()


def cluster(case: str, method: str, dataset_root: str | None) -> Result:
    """Make or read the features, whiten, find the medoids by `method`; `full` is the library's."""
    torch.set_num_threads(1)
    features, truth = features_of(case, dataset_root)
    points = whiten(features.astype(np.float64), Config().cluster_components)
    started = time.perf_counter()
    medoids = full_method(points) if method == "full" else find_medoids(points, CLUSTERS, choose_method(method), SEED)
    labels = nearest(points, medoids)
    seconds = time.perf_counter() - started
    peak = peak_memory_bytes() / 1e9
    return Result(total_distance(points, medoids), labels, agreement(truth, labels), seconds, peak)


def features_of(case: str, dataset_root: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Features of the items that have any, and their true clusters where they are known."""
    name, which = case.split()
    if name == "made-up":
        features, truth = make_features(int(which), FEATURE_WIDTH, CLUSTERS)
        return features[1:], truth[1:]
    features = load_dataset(name, dataset_root).features[which]
    return features[features.any(axis=1)], None


def full_method(points: np.ndarray) -> np.ndarray:
    """The published K-medoids with its matrix of all distances."""
    from sklearn_extra.cluster import KMedoids

    model = KMedoids(CLUSTERS, method="alternate", init="k-medoids++", max_iter=MAX_ITERATIONS, random_state=SEED)
    with warnings.catch_warnings():  # what scikit-learn 1.9 deprecates
        warnings.simplefilter("ignore")
        return np.asarray(model.fit(points).cluster_centers_)


def agreement(truth: np.ndarray | None, labels: np.ndarray) -> dict[str, float]:
    """NMI and ARI."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    if truth is None:
        return {}
    scores = {"NMI": normalized_mutual_info_score(truth, labels), "ARI": adjusted_rand_score(truth, labels)}
    return {name: float(value) for name, value in scores.items()}


def compare(case: str, ours: Result, full: Result) -> list[Check]:
    """Objective relative to the full method's, agreement lost, memory."""
    return [
        Check(f"{case}: objective / full method's", ours.objective / full.objective, MOST_OBJECTIVE),
        *(
            Check(f"{case}: {name} lost", full.agreement[name] - value, MOST_LOSS)
            for name, value in ours.agreement.items()
        ),
        Check(f"{case}: peak memory (GB)", ours.peak_gigabytes, MOST_GIGABYTES),
    ]


def describe(result: Result, full: Result) -> str:
    """A line for people."""
    agreed = "".join(f", {name} {value:.4f}" for name, value in result.agreement.items())
    same = np.mean(result.labels == full.labels)
    text = f"objective {result.objective:.1f} (× {result.objective / full.objective:.4f}){agreed}"
    return f"{text}, {result.seconds:.2f} s, {result.peak_gigabytes:.2f} GB, {same:.0%} of labels as full"


if __name__ == "__main__":
    sys.exit(main())
