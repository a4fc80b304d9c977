"""Ranking every user over all items at Home_and_Kitchen's size against the product of its scores.

    python benchmarks/evaluate.py

The product is (66,519, 192) by (192, 28,238), 1,024 rows at a time, scores dropped at once. Ranking encodes every
history, scores all items, and keeps each target's rank and the top 50. Memory is looked at twice: what ranking every
user twice over adds to the peak (results are 0.6 kB a user) must be nothing beside their scores.
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.evaluation.ranking import rank_targets
from athwe.training.trainer import Trainer
from benchmarks.home_and_kitchen import make_catalogue, make_dataset, make_log
from benchmarks.measure import Check, alternate, make_parser, median_seconds, peak_memory_bytes, report, set_up
from benchmarks.train_step import make_trainer

REPEATS = 2
BATCH = 1024


def main() -> int:
    """Measure, and give 0 where every limit is kept."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args()
    set_up(options)
    dataset = make_dataset(make_log())
    trainer = make_trainer(dataset, make_catalogue(dataset))
    positions = dataset.positions("valid")
    rank(trainer, positions)
    once = peak_memory_bytes()
    rank(trainer, np.concatenate([positions, positions]))
    twice = peak_memory_bytes()
    scores_bytes = 4 * len(positions) * dataset.n_items
    actions = {"product": lambda: multiply(trainer, len(positions)), "ranking": lambda: rank(trainer, positions)}
    seconds = median_seconds(alternate(actions, options.repeats))
    checks = [
        Check("ranking / product of its scores", seconds["ranking"] / seconds["product"], 2.5),
        Check("memory that as many users again add / their scores", (twice - once) / scores_bytes, 0.05),
    ]
    facts = {f"{name}_seconds": round(value, 2) for name, value in seconds.items()}
    facts |= {
        "users": len(positions),
        "peak_gigabytes": round(once / 1e9, 2),
        "peak_gigabytes_twice": round(twice / 1e9, 2),
        "threads": options.threads,
    }
    return report("evaluate", checks, facts, options.json)


@torch.no_grad()
def multiply(trainer: Trainer, users: int) -> None:
    """The scores of `users` rows and nothing else."""
    table = trainer.model.item_tables(trainer.catalogue).flatten(1)
    user = torch.randn(BATCH, table.shape[1])
    scores = torch.empty(BATCH, len(table))
    for start in range(0, users, BATCH):
        rows = min(BATCH, users - start)
        torch.mm(user[:rows], table.T, out=scores[:rows])


def rank(trainer: Trainer, positions: np.ndarray) -> None:
    """Ranks and top 50 of the targets at `positions`."""
    rank_targets(trainer.scorer(), trainer.dataset, positions, batch_size=BATCH, mask_seen=False)


if __name__ == "__main__":
    sys.exit(main())
