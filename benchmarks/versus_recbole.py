"""Training speed of SASRec, the id stream alone, against SASRec of RecBole 1.2.1 on the CPU.

    python benchmarks/versus_recbole.py --dataset-root ../shared/data [--json]
    python benchmarks/versus_recbole.py --dataset-root ../shared/data --quality

Both sides train on the same samples with the same sizes and threads, in turns of some steps; a turn is everything that
a training loop does: gathering, forward, backward, update. RecBole comes into an environment of its own on first use.
With --quality both train over seeds and the best epoch on validation is tested; a finished run is a line of --output
and is not repeated. The means must lie within one standard deviation of each other, whichever is better.
"""

import argparse
import logging
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.command_line import USER_ERROR, Parser, positive_int
from athwe.config import Config
from athwe.config_files import default_config_root, load_config, override_config
from athwe.errors import AthweError
from benchmarks.measure import Check, progress, report
from benchmarks.recbole_environment import default_environment, require_environment
from benchmarks.recbole_quality import compare_quality
from benchmarks.sides import OURS, SAME, THEIRS, both_sides
from run_athwe import SASREC

LIMITS = {"ml-100k": 2.5, "grocery": 5.0}
"""Times RecBole's samples/s; the second has short histories, which RecBole pads."""
ENDLESS = 10**6


def main() -> int:
    """Run the command line; returns its exit code."""
    logging.disable(logging.WARNING)
    try:
        return _run(_parse())
    except AthweError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR


def _parse() -> argparse.Namespace:
    parser = Parser(prog="python benchmarks/versus_recbole.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--datasets", nargs="+", choices=list(LIMITS), default=list(LIMITS))
    parser.add_argument("--dataset-root", help="folder of the data sets (default: ATHWE_DATASET_ROOT, else dataset/)")
    parser.add_argument("--environment", type=Path, default=default_environment(), help="(default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, default=2, help="of each side (default: 2)")
    parser.add_argument("--steps", type=positive_int, default=8, help="a turn (default: 8)")
    parser.add_argument("--rounds", type=positive_int, default=7, help="one more warms up (default: 7)")
    parser.add_argument("--quality", action="store_true", help="compare test NDCG@10 instead, at the small budget")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of --quality (default: 1 2 3)")
    parser.add_argument("--epochs", type=positive_int, help="of --quality (default: the small budget's)")
    parser.add_argument("--output", type=Path, default=Path("results/versus_recbole.jsonl"), help="of --quality")
    parser.add_argument("--json", action="store_true", help="one line")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    python = require_environment(options.environment)
    checks, facts = [], {}
    for dataset in options.datasets:
        files = [default_config_root() / "small.yaml"] if options.quality else []
        config = override_config(load_config(dataset, files=files), SASREC | {"device": "cpu"})
        check, found = (compare_quality if options.quality else compare_speed)(dataset, config, python, options)
        checks.append(check)
        facts |= {f"{dataset}: {name}": value for name, value in found.items()}
    title = "test NDCG@10 of SASRec against RecBole" if options.quality else "training speed of SASRec against RecBole"
    return report(title, checks, facts | {"threads": options.threads}, options.json)


def compare_speed(
    dataset: str, config: Config, python: Path, options: argparse.Namespace
) -> tuple[Check, dict[str, object]]:
    """The median over rounds of the quotient of samples/s, and what was trained."""
    config = override_config(config, {"epochs": ENDLESS, "eval_step": ENDLESS})
    rounds = []
    with both_sides(dataset, options.dataset_root, config, python, threads=options.threads, quality=False) as sides:
        for number in range(options.rounds + 1):
            turns = {name: side.ask(options.steps) for name, side in sides.items()}
            speeds = {name: turn["samples"] / turn["seconds"] for name, turn in turns.items()}
            progress(f"{dataset}, round {number}: " + ", ".join(f"{name} {v:,.0f}/s" for name, v in speeds.items()))
            rounds.append(turns)
        facts = {name: {key: side.facts[key] for key in (*SAME, "parameters")} for name, side in sides.items()}
    measured = rounds[1:]
    facts |= {
        f"samples/{unit[:-1]} of {name}": round(
            median(turns[name]["samples"] / turns[name][unit] for turns in measured)
        )
        for name in (OURS, THEIRS)
        for unit in ("seconds", "cpu_seconds")
    }
    ratio = median(_speed_ratio(turns, "seconds") for turns in measured)
    facts["ratio by CPU time"] = round(median(_speed_ratio(turns, "cpu_seconds") for turns in measured), 2)
    facts["ratio, lowest and highest round"] = [
        round(choose(_speed_ratio(turns, "seconds") for turns in measured), 2) for choose in (min, max)
    ]
    return Check(f"{dataset}: samples/s, {OURS} / {THEIRS}", ratio, LIMITS[dataset], at_least=True), facts


def _speed_ratio(turns: dict[str, dict[str, float]], unit: str) -> float:
    ours, theirs = turns[OURS], turns[THEIRS]
    return ours["samples"] / ours[unit] * theirs[unit] / theirs["samples"]


if __name__ == "__main__":
    sys.exit(main())
