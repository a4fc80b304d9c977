"""Test quality of both sides of `versus_recbole.py` over seeds, one line of a file a run."""

import argparse
import json
import time
from pathlib import Path
from statistics import mean, stdev

from athwe.config import Config
from athwe.config_files import override_config
from athwe.errors import AthweError
from benchmarks.measure import Check, progress
from benchmarks.sides import OURS, SHARED_KEYS, THEIRS, both_sides


class SeedsError(AthweError):
    """Too few seeds for a standard deviation."""


def compare_quality(
    dataset: str, config: Config, python: Path, options: argparse.Namespace
) -> tuple[Check, dict[str, object]]:
    """How many standard deviations the mean test NDCG@10 of the two sides lie apart, and the budget.

    The deviation is that of seeds, pooled over the sides. Every epoch is trained; the best on validation is tested.

    Raises:
        SeedsError: fewer than two seeds.
    """
    seeds = sorted(set(options.seeds))
    if len(seeds) < 2:
        raise SeedsError("--seeds needs two different seeds or more, since a deviation is measured over them")
    epochs = options.epochs or config.epochs
    config = override_config(config, {"epochs": epochs, "stopping_step": epochs})
    options.output.parent.mkdir(parents=True, exist_ok=True)
    rows = [_run_seed(dataset, override_config(config, {"seed": seed}), python, options) for seed in seeds]
    values = {name: [row[name]["test"] for row in rows] for name in (OURS, THEIRS)}
    pooled = (sum(stdev(each) ** 2 for each in values.values()) / 2) ** 0.5
    apart = abs(mean(values[OURS]) - mean(values[THEIRS])) / pooled
    facts: dict[str, object] = {
        f"test NDCG@10 of {name}": f"{mean(each):.4f} ± {stdev(each):.4f}" for name, each in values.items()
    }
    facts["seeds"] = seeds
    facts["budget"] = {key: getattr(config, key) for key in ("hidden_size", "inner_size", "MAX_ITEM_LIST_LENGTH")} | {
        "epochs": epochs
    }
    facts["first run finished"] = min(row["finished"] for row in rows)
    return Check(f"{dataset}: test NDCG@10, standard deviations apart", apart, 1.0), facts


def _run_seed(dataset: str, config: Config, python: Path, options: argparse.Namespace) -> dict:
    """Train both sides, one after the other, unless that was done before."""
    values = config.model_dump(mode="json")
    key = {"dataset": dataset, "settings": {name: values[name] for name in SHARED_KEYS}}
    lines = options.output.read_text(encoding="utf-8").splitlines() if options.output.exists() else []
    for row in map(json.loads, lines):
        if key.items() <= row.items():
            return row
    row = dict(key)
    with both_sides(dataset, options.dataset_root, config, python, threads=options.threads, quality=True) as sides:
        for name, side in sides.items():
            progress(f"{dataset}, seed {config.seed}: {name}")
            row[name] = side.ask("train")
    row["finished"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    with options.output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row
