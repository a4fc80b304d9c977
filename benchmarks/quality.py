"""Quality of several models over seeds at one budget: mean ± sd on validation, and with `--test` on test, in Markdown.

    python benchmarks/quality.py --dataset-root ../shared/data --datasets ml-100k grocery --config config/small.yaml

Every finished run is a line of `--output`, and a run that is there is not repeated: stop and start as you like.
Without `--test` the test targets are cut out of the data first. Its looks are in no ledger: say so where you show them.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.command_line import exit_code
from athwe.config import Config
from athwe.config_files import load_config, override_config
from athwe.data import Dataset, load_dataset
from athwe.evaluation.metrics import mean_metrics
from athwe.model_keys import COUNTED
from athwe.training.trainer import Trainer
from benchmarks.published_defects import DEFECTS

VARIANTS: dict[str, dict] = {
    "Popularity": {"model": "Popularity"},
    "CoOccurrence": {"model": "CoOccurrence"},
    "SASRec": {"model": "SASRec"},
    "UniSRec": {"model": "UniSRec"},
    "HM4SR": {"model": "HM4SR"},
    "SASRec, 512 sampled items": {"model": "SASRec", "loss": "sampled", "sampled_items": 512},
    "ATHWE": {},
    "ATHWE, time gaps shuffled": {},
    "ATHWE, no text": {"modalities": ["item", "img"]},
    "ATHWE, no image": {"modalities": ["item", "txt"]},
    "ATHWE, no wavelet": {"wavelet_J": 0},
    "ATHWE, wavelet J 1": {"wavelet_J": 1},
    "ATHWE, wavelet J 2": {"wavelet_J": 2},
    "ATHWE, full whitening": {"cluster_components": None},
    "ATHWE, no cluster loss": {"cluster_weight": 0.0},
    "ATHWE, residual around the experts": {"expert_residual": True},
    "ATHWE, experts start at 1": {"expert_initial_mean": 1.0},
    "ATHWE, streams start apart": {"feature_initializer_weight": 0.1},
    "ATHWE, time scale of a day": {"time_scale": 86_400.0},
    "ATHWE, residual and streams apart": {"expert_residual": True, "feature_initializer_weight": 0.1},
    "ATHWE, residual, streams apart, no wavelet": {
        "expert_residual": True,
        "feature_initializer_weight": 0.1,
        "wavelet_J": 0,
    },
    "ATHWE, no contrast, attribute or cluster loss": {
        "id_contrastive_weight": 0.0,
        "phcl_weight": 0.0,
        "attribute_weight": 0.0,
        "cluster_weight": 0.0,
    },
}
VARIANTS |= {name: {} for name in DEFECTS}
SHUFFLED = "ATHWE, time gaps shuffled"
KEY = ("dataset", "budget", "variant", "seed")
SHOWN = ("ndcg@10", "recall@10", "mrr@10")

console = Console(stderr=True)


def main() -> int:
    """Run the command line; returns its exit code."""
    logging.disable(logging.WARNING)
    return exit_code(lambda: make_table(parse()))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=["demo"])
    parser.add_argument("--dataset-root")
    parser.add_argument("--config", action="append", default=[], metavar="FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["Popularity", "SASRec", "ATHWE"])
    parser.add_argument("--test", action="store_true", help="look at test, too, once a run with each mask_seen")
    parser.add_argument("--output", type=Path, default=Path("results/quality.jsonl"))
    return parser.parse_args()


def make_table(options: argparse.Namespace) -> int:
    """Run what is missing, then print the table of everything asked for.

    Raises:
        AthweError: a configuration or a data set that cannot be used.
    """
    options.output.parent.mkdir(parents=True, exist_ok=True)
    for name in options.datasets:
        for variant in options.variants:
            model = VARIANTS[variant].get("model", "ATHWE")
            config = load_config(name, files=options.config, overrides=[f"model={model}", *options.overrides])
            for seed in options.seeds[: 1 if variant in COUNTED else None]:
                run_once(name, variant, override_config(config, VARIANTS[variant] | {"seed": seed}), options)
    print(table([row for row in finished(options.output) if row["dataset"] in options.datasets]))
    return 0


def run_once(name: str, variant: str, config: Config, options: argparse.Namespace) -> None:
    """Train, rank by the best epoch's weights, and append the result."""
    budget = "+".join([*(Path(path).stem for path in options.config), *options.overrides]) or "full"
    key = dict(zip(KEY, (name, budget, variant, config.seed), strict=True))
    splits = SPLITS if options.test else SPLITS[:1]
    if any(key.items() <= row.items() and set(splits) <= set(row) for row in finished(options.output)):
        return
    started = time.time()
    dataset = load_dataset(name, options.dataset_root, config)
    if variant == SHUFFLED:
        dataset = shuffle_gaps(dataset, config.seed)
    dataset = dataset if options.test else dataset.sealed()
    with console.status(f"{variant} on {name}, seed {config.seed}"):
        result = trained(config, dataset, DEFECTS.get(variant, nullcontext), splits)
    row = key | result | {"seconds": round(time.time() - started, 1)}
    with options.output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    best = row["valid"]["ndcg@10"]
    console.print(f"{variant} on {name}, seed {config.seed}: validation {best:.4f}, {row['seconds']} s")


def shuffle_gaps(dataset: Dataset, seed: int) -> Dataset:
    """The same sequences with every user's time gaps in random order: what is left is that gaps exist, not where."""
    first = dataset.preceding == 0
    gap_seconds = np.diff(dataset.timestamp, prepend=0)
    key = np.random.default_rng(seed).random(len(first))
    key[first] = -1  # a user's first time stays
    user = np.cumsum(first)
    shuffled = np.where(first, 0, gap_seconds[np.lexsort((key, user))])
    start, elapsed = dataset.timestamp[first], np.cumsum(shuffled)
    return replace(dataset, timestamp=start[user - 1] + elapsed - elapsed[first][user - 1])


def trained(
    config: Config, dataset: Dataset, defect: Callable[[Trainer], AbstractContextManager], splits: Sequence[str]
) -> dict:
    """Metrics of the best epoch's weights on the splits asked for, and the validation curve."""
    trainer = Trainer(config, dataset)
    with defect(trainer):
        curve = [result.metrics[config.valid_key] for result in trainer.epochs()]
    result = {"curve": curve, "best_epoch": trainer.best_epoch}
    with trainer.best_model():
        for shown in splits:
            split = "valid" if shown == "valid" else "test"
            ranks = trainer.rank(split, mask_seen=shown == MASKED).target_rank
            result[shown] = mean_metrics(ranks, ("ndcg", "recall", "mrr"), config.topk)
    return result


MASKED = "test, mask_seen"
SPLITS = ("valid", "test", MASKED)
"""`mask_seen` is false but where the name says otherwise."""


def finished(path: Path) -> list[dict]:
    """Rows written so far; of a run that was repeated, for its looks at test, the last."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if isinstance(row["valid"], dict)]  # before `--test` there was the curve alone
    return list({tuple(row[name] for name in KEY): row for row in rows}.values())


def table(rows: list[dict]) -> str:
    """Mean ± sample sd over seeds, a line per data set, model and split."""
    lines = ["| data set | budget | model | seeds | split | " + " | ".join(SHOWN) + " |", "|---" * 8 + "|"]
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["budget"], row["variant"]), []).append(row)
    for (dataset, budget, variant), members in groups.items():
        for split in SPLITS:
            if there := [row[split] for row in members if split in row]:
                cells = [spread([metrics[metric] for metrics in there]) for metric in SHOWN]
                lines.append(
                    f"| {dataset} | {budget} | {variant} | {len(there)} | {split} | " + " | ".join(cells) + " |"
                )
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """`0.0420 ± 0.0010`, or the value alone where there is one."""
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.4f}"


if __name__ == "__main__":
    sys.exit(main())
