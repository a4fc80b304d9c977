"""How a training step grows with the catalogue: 10 thousand, 100 thousand and 1 million items.

    python benchmarks/catalogue.py

Each size and each loss runs in a process of its own, so that its peak memory is its own. The configuration is the
published one on a log of Home_and_Kitchen's users; features are 128 wide and categories 20 here, so that a million items
fit. What a step may never hold is a score for every pair of a sample and an item: 4 GB at a million.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home_and_kitchen import make_catalogue, make_dataset, make_log
from benchmarks.measure import Check, alternate, median_seconds, peak_memory_bytes, progress, report
from benchmarks.train_step import make_step, make_trainer

SIZES = (10_000, 100_000, 1_000_000)
FEATURE_WIDTH, CATEGORIES = 128, 20
REPEATS = {10_000: 7, 100_000: 3, 1_000_000: 1}


def main() -> int:
    """Measure every size, or one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--loss", default="full", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.items:
        print(json.dumps(measure(options.items, options.loss)))
        return 0
    runs = {
        (items, loss): in_a_process(items, loss, options.threads) for loss in ("full", "sampled") for items in SIZES
    }
    return report("catalogue", checks(runs), facts(runs), options.json)


def measure(items: int, loss: str) -> dict[str, float]:
    """Seconds of a step, and memory in bytes: what was there before the first step, and the peak."""
    dataset = make_dataset(
        make_log(items=items, fewest=0), items=items, feature_width=FEATURE_WIDTH, categories=CATEGORIES
    )
    trainer = make_trainer(dataset, make_catalogue(dataset), loss=loss)
    before = peak_memory_bytes()
    seconds = median_seconds(alternate({"step": make_step(trainer)}, REPEATS[items]))
    return {"seconds": seconds["step"], "before_bytes": before, "peak_bytes": peak_memory_bytes()}


def in_a_process(items: int, loss: str, threads: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    progress(f"{items:,} items, {loss} softmax")
    command = [sys.executable, __file__, "--items", str(items), "--loss", loss, "--threads", str(threads)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def checks(runs: dict[tuple[int, str], dict[str, float]]) -> list[Check]:
    """Growth of the full step by catalogue, and what a step adds to the memory at the largest."""
    growth = [
        runs[large, "full"]["seconds"] / runs[small, "full"]["seconds"] / (large / small)
        for small, large in zip(SIZES, SIZES[1:], strict=False)
    ]
    largest = runs[SIZES[-1], "full"]
    held = largest["peak_bytes"] - largest["before_bytes"]
    sampled = runs[SIZES[-1], "sampled"]["seconds"] / largest["seconds"]
    return [
        Check("growth of time / growth of items", max(growth), 1.0),
        Check("memory a step adds / scores of all pairs, 1M items", held / (4 * 1024 * SIZES[-1]), 1.0),
        Check("sampled step / full step, 1M items", sampled, 0.5),
    ]


def facts(runs: dict[tuple[int, str], dict[str, float]]) -> dict[str, str]:
    """A line for each run."""
    return {
        f"{items:,} items, {loss}": f"{run['seconds']:.2f} s a step, peak {run['peak_bytes'] / 1e9:.2f} GB "
        f"({run['before_bytes'] / 1e9:.2f} GB before the first step)"
        for (items, loss), run in runs.items()
    }


if __name__ == "__main__":
    sys.exit(main())
