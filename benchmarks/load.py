"""Reading a Home_and_Kitchen-sized `.inter` file to ready arrays, against `pandas.read_csv` of the same file.

    python benchmarks/load.py [--json]

Ready means: k-core filtered, numbered, sorted by user and time, with what the splits need. Item features are read apart
and are a fact below, not part of the ratios. From the cache the file is hashed and its prepared arrays are read. One
thread. The catalogue of tensors with everything cached is held against one copy of its features.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config import Config
from athwe.data import build_catalogue, load_dataset
from athwe.data.cache import builds
from athwe.data.interactions import Interactions, prepare_interactions, read_interactions
from athwe.data.split import count_preceding, target_positions
from benchmarks.home_and_kitchen import FEATURE_WIDTH, ITEMS, make_features, make_log, write_inter
from benchmarks.measure import Check, alternate, median_seconds, peak_memory_bytes, progress, report

NAME = "made-up"
REPEATS = 7
MOST_TIMES_PANDAS = 3
MOST_SECONDS_CACHED = 0.3
MOST_OF_A_COPY = 0.25


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        os.environ["ATHWE_CACHE_DIR"] = str(Path(root) / "cache")
        progress("writing the made-up data set")
        write_data_set(Path(root) / NAME)
        checks, facts = measure_interactions(Path(root) / NAME / f"{NAME}.inter")
        more_checks, more_facts = measure_catalogue(Path(root))
    peak = {"peak memory of this process (GB)": round(peak_memory_bytes() / 1e9, 2)}
    return report("load", checks + more_checks, facts | more_facts | peak, as_json)


def write_data_set(folder: Path) -> None:
    """Interactions, text and image features."""
    folder.mkdir()
    write_inter(make_log(), folder / f"{NAME}.inter")
    for seed, file_name in enumerate(("txt_emb.pt", "img_emb.pt")):
        features, _ = make_features(ITEMS, FEATURE_WIDTH, 100, seed)
        torch.save(torch.from_numpy(features), folder / file_name)


def measure_interactions(path: Path) -> tuple[list[Check], dict[str, object]]:
    """Alternate the ways to read the file."""
    progress("reading the interactions")
    config = Config()

    def ready(interactions: Interactions) -> None:
        count_preceding(interactions.user_offset)
        for split in ("train", "valid", "test"):
            target_positions(interactions.user_offset, split)

    seconds = median_seconds(
        alternate(
            {
                "pandas": lambda: pd.read_csv(path, sep="\t"),
                "prepared": lambda: ready(prepare_interactions(path, config)),
                "cached": lambda: ready(read_interactions(path, config)),
            },
            REPEATS,
        )
    )
    prepared, read = (vars(way(path, config)) for way in (prepare_interactions, read_interactions))
    assert all(np.array_equal(prepared[name], read[name]) for name in prepared)
    assert builds["interactions"] == 1
    checks = [
        Check(
            "ready arrays without cache / pandas.read_csv", seconds["prepared"] / seconds["pandas"], MOST_TIMES_PANDAS
        ),
        Check(f"seconds from the cache / {MOST_SECONDS_CACHED} s", seconds["cached"] / MOST_SECONDS_CACHED, 1),
    ]
    facts = {f"seconds, {name}": round(value, 4) for name, value in seconds.items()}
    return checks, facts | {"from the cache / pandas.read_csv": round(seconds["cached"] / seconds["pandas"], 3)}


def measure_catalogue(root: Path) -> tuple[list[Check], dict[str, object]]:
    """The whole data set with features, its catalogue built first and again, and what a copy would have cost."""
    progress("building the catalogue")
    config = Config()
    started = time.perf_counter()
    dataset = load_dataset(NAME, root, config)
    loaded = time.perf_counter()
    build_catalogue(dataset, config)
    built = time.perf_counter()
    seconds = median_seconds(
        alternate(
            {
                "again": lambda: build_catalogue(dataset, config),
                "copy": lambda: [array.copy() for array in dataset.features.values()],
            },
            REPEATS,
        )
    )
    assert (builds["whitened"], builds["clusters"]) == (2, 2)
    facts = {
        "seconds, load_dataset with 2 x 87 MB of features, interactions cached": round(loaded - started, 3),
        "seconds, catalogue the first time (whitening and K-medoids of both)": round(built - loaded, 2),
        "seconds, catalogue with everything cached": round(seconds["again"], 4),
    }
    ratio = seconds["again"] / seconds["copy"]
    return [Check("catalogue with everything cached / one copy of its features", ratio, MOST_OF_A_COPY)], facts


if __name__ == "__main__":
    sys.exit(main())
