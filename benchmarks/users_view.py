"""How long the dashboard's view of users takes with many users: `python benchmarks/users_view.py [--users 100000]`.

A store with one study and the per-user results of two trials, two finalists and the histories, all made up; then the
page as Streamlit runs it, without a browser. Seconds of the script, each for the first time and again.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tuning import schema  # noqa: E402
from tuning.store import Store, now  # noqa: E402

TOP_K, ITEMS, LENGTH = 50, 28_000, 12
STUDY = "many"


def build(folder: Path, users: int) -> str:
    """Write the store and its files; the store's URL."""
    random = np.random.default_rng(1)
    names = np.char.add("A", np.char.zfill(np.arange(users).astype(str), 13))
    targets = random.zipf(1.3, users) % ITEMS
    for number in range(2):
        _results(folder / "recommendations" / f"{STUDY}.{number}.parquet", names, targets, random)
        _results(folder / "finals" / f"{STUDY}.{number}.seed-1.parquet", names, targets, random)
    items = np.array([f"B{item:09d}" for item in range(ITEMS)])
    rows = {"item_id": items, "title": [f"Thing {item}" for item in range(ITEMS)], "image": [""] * ITEMS}
    rows["categories"] = [["Home", f"Category{item % 40}"] for item in range(ITEMS)]
    _write(pa.table(rows), folder / "data" / "f00d" / "items.parquet")
    times = np.cumsum(random.integers(60, 60 * 86400, (users, LENGTH)), axis=1)
    histories = {"user": names, "items": _lists(items[random.integers(0, ITEMS, (users, LENGTH))])}
    _write(pa.table(histories | {"timestamps": _lists(times)}), folder / "data" / "f00d" / "histories.parquet")
    url = f"sqlite:///{folder}/athwe.db"
    facts = {"study_name": STUDY, "dataset": "many", "objective": "valid/ndcg@10", "direction": "maximize"}
    facts |= {"mask_seen": False, "trials_asked": 2, "data_fingerprint": "f00d", "storage_path": str(folder)}
    with Store.open(url) as store:
        store.create_study(facts | {"spec_json": "{}"})
        store.update_study(STUDY, ended_at=now())
        for number in range(2):
            trial = {"trial_id": f"{STUDY}.{number}", "study_name": STUDY, "number": number, "params_json": "{}"}
            store.save_trial(trial | {"state": schema.COMPLETE, "value": 0.1 + number, "best_epoch": 1})
            look = {"study_name": STUDY, "trial_id": trial["trial_id"], "seed": 1, "evaluated_by": "nobody"}
            store.save_test_evaluation(look | {"mask_seen": False, "metrics_json": json.dumps({"test/ndcg@10": 0.1})})
    return url


def _results(path: Path, names: np.ndarray, targets: np.ndarray, random: np.random.Generator) -> None:
    count, tokens = len(names), np.array([f"B{item:09d}" for item in range(ITEMS)])
    _write(
        pa.table(
            {
                "user": names, "history_end": np.full(count, LENGTH - 1), "target": tokens[targets],
                "target_rank": random.zipf(1.2, count) % ITEMS + 1,
                "last_gap_seconds": (10 ** random.uniform(0, 8, count)).astype(np.int64),
                "target_popularity": (10 ** random.uniform(0, 3, count)).astype(np.int64) - 1,
                "items": _lists(tokens[random.integers(0, ITEMS, (count, TOP_K))]),
                "scores": _lists(random.normal(size=(count, TOP_K)).astype(np.float32)),
            }
        ),
        path,
    )  # fmt: skip


def _lists(values: np.ndarray) -> pa.Array:
    flat = pa.array(values.ravel())
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.combine_chunks()
    return pa.LargeListArray.from_arrays(np.arange(len(values) + 1) * values.shape[1], flat)


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=1024)  # as `athwe.evaluation.recommendations` does


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    users = parser.parse_args().users
    from streamlit.testing.v1 import AppTest

    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(1, get_context("spawn")) as other:  # whose memory is not counted
            os.environ["ATHWE_STORE"] = other.submit(build, Path(folder), users).result()
        sys.argv[1:] = []
        app = AppTest.from_file(str(ROOT / "dashboard" / "page.py"), default_timeout=60)
        app.query_params.update({"study": STUDY})
        _timed("the list of studies, which loads the libraries", app)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name, chosen in (
            ("first view of users", {"view": "users"}), ("the same again", {}),
            ("another measure", {"by": "reciprocal rank"}), ("another user", {"user": f"A{users // 2:013d}"}),
            ("a slice", {"gap": "1 to 7 days"}), ("a slice by category", {"category": "Category7"}),
            ("a part of an id", {"find": "77"}), ("longer lists", {"find": "", "k": "50"}),
            ("test, first view", {"split": "test"}), ("test, again", {}),
        ):  # fmt: skip
            app.query_params.update(chosen)
            _timed(name, app)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{users:,} users; the process has grown by {grown:,.0f} MiB at most")


def _timed(name: str, app) -> None:
    started = time.perf_counter()
    app.run()
    seconds = time.perf_counter() - started
    assert not app.exception and not app.error, (app.exception, app.error)
    print(f"{seconds:6.2f} s  {name}")


if __name__ == "__main__":
    main()
