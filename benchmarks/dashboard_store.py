"""A store as large as the dashboard must bear, made up: what a real search writes, without the search."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from athwe.evaluation.recommendations import ROW_GROUP_USERS
from tuning import schema
from tuning.store import Store, now

ROOT = Path(__file__).resolve().parent.parent
LARGE = "large"
"""Name of the study with many trials."""

EPOCHS, SMALL_TRIALS, SMALL_EPOCHS = 50, 20, 10
TOP_K, ITEMS, HISTORY = 50, 28_000, 12
OBJECTIVE = "valid/ndcg@10"
_ERROR = "Traceback (most recent call last):\n  …\nathwe.errors.DivergedError: a loss is nan"
_LOSSES = ("next_item", "item_contrast", "temporal_contrast", "attribute", "cluster", "expert_diversity", "total")
_NAMES = [("valid", f"{metric}@{k}") for metric in ("ndcg", "mrr", "recall") for k in (5, 10, 20, 50)]
_NAMES += [("train", f"loss_{part}") for part in _LOSSES]
_NAMES += [("valid", "seconds"), *(("train", name) for name in ("seconds", "memory_bytes", "reported_seconds"))]


def build(folder: Path, studies: int, trials: int, users: int) -> str:
    """Write a store with one study of so many trials and its users' results, and small studies; the store's URL."""
    chance = np.random.default_rng(1)
    url = f"sqlite:///{folder}/athwe.db"
    with Store.open(url) as store:
        for number in range(studies - 1):
            _study(store, folder, chance, f"small-{number:02d}", SMALL_TRIALS, SMALL_EPOCHS, timedelta(days=2 + number))
        _study(store, folder, chance, LARGE, trials, EPOCHS, timedelta(days=1))
    results = folder / "results"
    _write_results(results, chance, users)
    return url


def _study(
    store: Store, folder: Path, chance: np.random.Generator, name: str, trials: int, epochs: int, ago: timedelta
) -> None:
    space = yaml.safe_load((ROOT / "config" / "search" / "athwe.yaml").read_text(encoding="utf-8"))["space"]
    facts = {"study_name": name, "dataset": "made-up", "objective": OBJECTIVE, "direction": "maximize"}
    facts |= {"mask_seen": False, "trials_asked": trials, "data_fingerprint": "f00d", "git_sha": "0123456789ab"}
    facts |= {"storage_path": str(folder / "results"), "dataset_folder": str(folder / "dataset")}
    spec = {"settings": {"space": space}, "config": {}, "versions": {}}
    facts |= {"spec_json": json.dumps(spec), "created_at": now() - ago}
    created = facts.pop("created_at")
    store.create_study(facts)
    store.update_study(name, created_at=created, ended_at=created + timedelta(hours=20))
    for evaluator in ("fanova", "ped_anova"):
        store.save_importance(name, evaluator, dict(zip(space, chance.dirichlet(np.ones(len(space))), strict=True)))
    _trials(folder / "athwe.db", chance, name, trials, epochs, created, space)


def _trials(path: Path, chance: np.random.Generator, study: str, count: int, epochs: int, created, space: dict) -> None:
    """Rows of trials, with all the metrics of every epoch, straight into the tables: millions of them."""
    best = chance.beta(2, 5, count)
    states = np.where(chance.random(count) < 0.6, schema.PRUNED, schema.COMPLETE).astype(object)
    states[5::50] = schema.FAIL
    states[0] = schema.COMPLETE
    rows = []
    for number in range(count):
        failed = states[number] == schema.FAIL
        started = created + timedelta(seconds=30 * number)
        parameters = {name: _draw(chance, way) for name, way in space.items()}
        rows.append(
            (
                f"{study}.{number}", study, number, states[number], schema.DIVERGED if failed else None,
                json.dumps(parameters), None if failed else epochs,
                None if failed else best[number], str(started), str(started + timedelta(minutes=9)),
                _ERROR if failed else None,
            )
        )  # fmt: skip
    columns = "trial_id, study_name, number, state, reason, params_json, best_epoch, value, started_at, ended_at, error"
    with sqlite3.connect(path) as connection:
        connection.executemany(f"INSERT INTO trial ({columns}) VALUES ({','.join('?' * 11)})", rows)
        for number in range(count):
            share = 1 - np.exp(-np.arange(1, epochs + 1) / 9)
            values = best[number] * np.outer(share, np.linspace(0.5, 2, len(_NAMES))) + chance.normal(0, 0.002)
            connection.executemany(
                "INSERT INTO metric (trial_id, epoch, split, name, value) VALUES (?, ?, ?, ?, ?)",
                (
                    (f"{study}.{number}", epoch + 1, split, name, float(values[epoch, place]))
                    for epoch in range(epochs)
                    for place, (split, name) in enumerate(_NAMES)
                ),
            )
        values = [(f"{study}.{n}", OBJECTIVE, float(best[n])) for n in range(count) if states[n] != schema.FAIL]
        connection.executemany("INSERT INTO trial_value (trial_id, name, value) VALUES (?, ?, ?)", values)
    connection.close()


def _draw(chance: np.random.Generator, way: dict) -> float | int | str | None:
    if way["type"] == "categorical":
        return way["choices"][chance.integers(len(way["choices"]))]
    if way["type"] == "int":
        return int(chance.integers(way["low"], way["high"] + 1))
    if way.get("log"):
        return float(np.exp(chance.uniform(np.log(way["low"]), np.log(way["high"]))))
    return float(chance.uniform(way["low"], way["high"]))


def _write_results(folder: Path, chance: np.random.Generator, users: int) -> None:
    """Recommendations of the first two trials, histories and items, as a search writes them."""
    names = np.char.add("A", np.char.zfill(np.arange(users).astype(str), 13))
    tokens = np.array([f"B{item:09d}" for item in range(ITEMS)])
    for number in range(2):
        rows = {
            "user": pa.array(names), "history_end": np.full(users, HISTORY - 1),
            "target": pa.array(tokens[chance.integers(0, ITEMS, users)]),
            "target_rank": chance.zipf(1.2, users) % ITEMS + 1,
            "last_gap_seconds": (10 ** chance.uniform(0, 8, users)).astype(np.int64),
            "target_popularity": (10 ** chance.uniform(0, 3, users)).astype(np.int64) - 1,
            "items": _lists(tokens[chance.integers(0, ITEMS, (users, TOP_K))]),
            "scores": _lists(chance.normal(size=(users, TOP_K)).astype(np.float32)),
        }  # fmt: skip
        _save(pa.table(rows), folder / "recommendations" / f"{LARGE}.{number}.parquet")
    data = folder / "data" / "f00d"
    times = 1_500_000_000 + np.cumsum(chance.integers(60, 60 * 86_400, (users, HISTORY)), axis=1)
    history = {"user": pa.array(names), "items": _lists(tokens[chance.integers(0, ITEMS, (users, HISTORY))])}
    _save(pa.table(history | {"timestamps": _lists(times)}), data / "histories.parquet")
    items = {"item_id": pa.array(tokens), "title": [f"Thing number {item}" for item in range(ITEMS)]}
    items |= {"categories": [["Home", f"Category{item % 40}"] for item in range(ITEMS)], "image": [""] * ITEMS}
    _save(pa.table(items), data / "items.parquet")


def _lists(values: np.ndarray) -> pa.Array:
    flat = pa.array(values.ravel())
    flat = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    return pa.LargeListArray.from_arrays(np.arange(len(values) + 1) * values.shape[1], flat)


def _save(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=ROW_GROUP_USERS)
