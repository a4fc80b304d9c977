"""How a training step grows with the catalogue: 10 thousand, 100 thousand and 1 million items.

    python benchmarks/catalogue.py

Every run has a process of its own, so that its peak memory is its own. The configuration is the published one on a log
of Home_and_Kitchen's users; features are 128 wide and categories 20 here, so that a million items fit. What a step may
never hold is a score for every pair of a sample and an item, 4 GB at a million: its memory would grow with the batch,
so it is measured at half the batch, too.
"""

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.home_and_kitchen import make_catalogue, make_dataset, make_log
from benchmarks.measure import (
    Check,
    alternate,
    make_parser,
    median_seconds,
    peak_memory_bytes,
    progress,
    report,
    set_up,
)
from benchmarks.train_step import make_step, make_trainer

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 1024
FEATURE_WIDTH, CATEGORIES = 128, 20
REPEATS = {10_000: 7, 100_000: 3, 1_000_000: 1}
Run = tuple[int, str, int]
"""Items, loss and batch."""


def main() -> int:
    """Measure every run in turn, or one of them in this process."""
    parser = make_parser(__doc__)
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--loss", default="full", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=BATCH, help=argparse.SUPPRESS)
    options = parser.parse_args()
    set_up(options)
    if options.items:
        print(json.dumps(measure(options.items, options.loss, options.batch)))
        return 0
    wanted = [(items, loss, BATCH) for loss in ("full", "sampled") for items in SIZES]
    wanted.append((SIZES[-1], "full", BATCH // 2))
    results = {run: in_a_process(*run, options.threads) for run in wanted}
    return report("catalogue", checks(results), facts(results), options.json)


def measure(items: int, loss: str, batch: int) -> dict[str, float]:
    """Seconds of a step, and memory in bytes: what was there before the first step, and the peak."""
    log = make_log(items=items, fewest=0)
    dataset = make_dataset(log, items, feature_width=FEATURE_WIDTH, categories=CATEGORIES)
    trainer = make_trainer(dataset, make_catalogue(dataset), loss=loss, train_batch_size=batch)
    before = peak_memory_bytes()
    seconds = median_seconds(alternate({"step": make_step(trainer)}, REPEATS[items]))
    return {"seconds": seconds["step"], "before_bytes": before, "peak_bytes": peak_memory_bytes()}


def in_a_process(items: int, loss: str, batch: int, threads: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    progress(f"{items:,} items, {loss} softmax, batch {batch:,}")
    settings = {"--items": items, "--loss": loss, "--batch": batch, "--threads": threads}
    command = [sys.executable, __file__, *(str(part) for setting in settings.items() for part in setting)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def checks(results: dict[Run, dict[str, float]]) -> list[Check]:
    """Growth of the full step with the catalogue, of its memory with the batch, and what sampling saves."""
    growth = [
        results[large, "full", BATCH]["seconds"] / results[small, "full", BATCH]["seconds"] / (large / small)
        for small, large in itertools.pairwise(SIZES)
    ]
    whole, half = (results[SIZES[-1], "full", batch] for batch in (BATCH, BATCH // 2))
    sampled = results[SIZES[-1], "sampled", BATCH]
    return [
        Check("growth of time / growth of items", max(growth), 1.0),
        Check("peak memory, batch 1024 / batch 512, 1M items", whole["peak_bytes"] / half["peak_bytes"], 1.1),
        Check("sampled step / full step, 1M items", sampled["seconds"] / whole["seconds"], 0.5),
    ]


def facts(results: dict[Run, dict[str, float]]) -> dict[str, str]:
    """A line for each run."""
    return {
        f"{items:,} items, {loss}, batch {batch:,}": f"{found['seconds']:.2f} s a step, peak "
        f"{found['peak_bytes'] / 1e9:.2f} GB ({found['before_bytes'] / 1e9:.2f} GB before the first step)"
        for (items, loss, batch), found in results.items()
    }


if __name__ == "__main__":
    sys.exit(main())
