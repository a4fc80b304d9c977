"""Training speed of SASRec, the id stream alone, against SASRec of RecBole 1.2.1 on the CPU.

    python benchmarks/versus_recbole.py --dataset-root ../shared/data [--json]
    python benchmarks/versus_recbole.py --dataset-root ../shared/data --quality

Both sides train on the same samples with the same sizes and threads, in turns of some steps; a turn is everything that
a training loop does: gathering, forward, backward, update. RecBole comes into an environment of its own on first use.
As shipped it trains under torch's anomaly detection, left over from one of its models; the limits are for RecBole
without it, which is faster, and the ratio to RecBole as shipped is told beside. With more threads than idle cores the
threads wait for each other and the ratio says nothing: look at the load average that is told, or use --threads 1.
With --quality both train over seeds and the best epoch on validation is tested; a finished run is a line of --output
and is not repeated. The means must lie within one standard deviation of each other, whichever is better.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.command_line import Parser, exit_code, positive_int
from athwe.config import Config
from athwe.config_files import default_config_root, load_config, override_config
from athwe.data.folders import find_dataset
from benchmarks.measure import Check, progress, report
from benchmarks.recbole_environment import default_environment, require_environment
from benchmarks.recbole_quality import compare_quality
from benchmarks.sides import OURS, THEIRS, both_sides

LIMITS = {"ml-100k": 2.5, "grocery": 5.0}
"""Times RecBole's samples/s; the second has short histories, which RecBole pads."""
ENDLESS = 10**6
MOST_SECONDS = 200
"""No further round of a data set begins after that, so that a busy machine takes no more than ten minutes."""
AS_SHIPPED = f"{THEIRS} as shipped"


def main() -> int:
    """Run the command line; returns its exit code."""
    logging.disable(logging.WARNING)
    return exit_code(lambda: _run(_parse()))


def _parse() -> argparse.Namespace:
    parser = Parser(prog="python benchmarks/versus_recbole.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--datasets", nargs="+", choices=list(LIMITS), default=list(LIMITS))
    parser.add_argument("--dataset-root", help="folder of the data sets (default: ATHWE_DATASET_ROOT, else dataset/)")
    parser.add_argument("--environment", type=Path, default=default_environment(), help="(default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, default=2, help="of each side (default: 2)")
    parser.add_argument("--steps", type=positive_int, default=4, help="a turn (default: 4)")
    parser.add_argument("--rounds", type=positive_int, default=5, help="one more warms up (default: 5)")
    parser.add_argument("--quality", action="store_true", help="compare test NDCG@10 instead, at the small budget")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of --quality (default: 1 2 3)")
    parser.add_argument("--epochs", type=positive_int, help="of --quality (default: the small budget's)")
    parser.add_argument("--output", type=Path, default=Path("results/versus_recbole.jsonl"), help="of --quality")
    parser.add_argument("--json", action="store_true", help="one line")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    for dataset in options.datasets:
        find_dataset(dataset, options.dataset_root, load_config(dataset).data_path)  # known before two minutes of pip
    python = require_environment(options.environment)
    load = os.getloadavg()[0]
    checks, facts = [], {}
    for dataset in options.datasets:
        files = [default_config_root() / "small.yaml"] if options.quality else []
        config = override_config(load_config(dataset, files=files), {"model": "SASRec", "device": "cpu"})
        check, found = (compare_quality if options.quality else compare_speed)(dataset, config, python, options)
        checks.append(check)
        facts |= {f"{dataset}: {name}": value for name, value in found.items()}
    title = "test NDCG@10 of SASRec against RecBole" if options.quality else "training speed of SASRec against RecBole"
    facts |= {"threads of each side": options.threads, "load average before": round(load, 1), "cores": os.cpu_count()}
    return report(title, checks, facts, options.json)


def compare_speed(
    dataset: str, config: Config, python: Path, options: argparse.Namespace
) -> tuple[Check, dict[str, object]]:
    """The median over rounds of the quotient of samples/s, and what was trained."""
    config = override_config(config, {"epochs": ENDLESS, "eval_step": ENDLESS})
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in (OURS, THEIRS, AS_SHIPPED)}
    with both_sides(dataset, options.dataset_root, config, python, threads=options.threads, quality=False) as sides:
        started = time.monotonic()
        for number in range(options.rounds + 1):
            if number > 1 and time.monotonic() - started > MOST_SECONDS:
                break
            for name in turns:
                side = sides[OURS if name == OURS else THEIRS]
                turns[name].append(side.ask({"steps": options.steps, "as_shipped": name == AS_SHIPPED}))
            speeds = (f"{name} {_speed(each[-1]):,.0f}" for name, each in turns.items())
            progress(f"{dataset}, round {number}, samples/s: " + ", ".join(speeds))
        facts: dict[str, object] = {name: side.facts for name, side in sides.items()}
    measured = {name: each[1:] for name, each in turns.items()}
    for name, each in measured.items():
        facts[f"samples/s of {name}"] = round(median(map(_speed, each)))
    ratios = _ratios(measured, THEIRS)
    facts["lowest and highest ratio of a round"] = f"{min(ratios):.2f} {max(ratios):.2f} ({len(ratios)} rounds)"
    facts["median ratio by CPU time"] = f"{median(_ratios(measured, THEIRS, 'cpu_seconds')):.2f}"
    facts[f"median ratio to {AS_SHIPPED}"] = f"{median(_ratios(measured, AS_SHIPPED)):.2f}"
    return Check(f"{dataset}: samples/s, {OURS} / {THEIRS}", median(ratios), LIMITS[dataset], at_least=True), facts


def _speed(turn: dict[str, float], clock: str = "seconds") -> float:
    return turn["samples"] / turn[clock]


def _ratios(turns: dict[str, list[dict[str, float]]], other: str, clock: str = "seconds") -> list[float]:
    pairs = zip(turns[OURS], turns[other], strict=True)
    return [_speed(ours, clock) / _speed(theirs, clock) for ours, theirs in pairs]


if __name__ == "__main__":
    sys.exit(main())
