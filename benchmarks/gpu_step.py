"""One training step of ATHWE at Home_and_Kitchen's size on a GPU: against the plain equations and against the CPU.

    python benchmarks/gpu_step.py

A GPU's clock is read when it has finished what was asked. Losses and ranks are those of the same weights on both.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.evaluation.ranking import rank_targets
from athwe.training.trainer import Trainer
from benchmarks.home_and_kitchen import make_catalogue, make_dataset, make_log
from benchmarks.measure import Check, alternate, make_parser, median_seconds, report, set_up
from benchmarks.train_step import TOLERANCE, largest_difference, make_plain_step, make_step, make_trainer

REPEATS = 20
RANKED_USERS = 4096


def main() -> int:
    """Measure, and give 0 where every limit is kept."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args()
    set_up(options)
    dataset = make_dataset(make_log())
    catalogue = make_catalogue(dataset)
    fast, bf16, plain = (
        make_trainer(dataset, catalogue, options.device, precision=precision) for precision in ("fp32", "bf16", "fp32")
    )
    cpu = make_trainer(dataset, catalogue)
    cpu.model.load_state_dict(fast.model.state_dict())
    differences = {"plain": largest_difference(fast), "CPU": _difference_from_cpu(cpu, fast)}
    same_ranks = _same_ranks(cpu, fast)
    steps = {"plain": make_plain_step(plain), "fp32": make_step(fast), "bf16": make_step(bf16)}
    steps["ranking of all users"] = lambda: _rank(fast, dataset.positions("valid"))
    seconds = median_seconds(alternate({name: _finished(step) for name, step in steps.items()}, options.repeats))
    checks = [
        Check("plain step / fast step", seconds["plain"] / seconds["fp32"], 1.0, at_least=True),
        *(Check(f"largest difference of a loss from {name}", value, TOLERANCE) for name, value in differences.items()),
        Check("share of users with the CPU's rank", same_ranks, 0.99, at_least=True),
    ]
    facts = {f"{name}, milliseconds": round(1000 * value, 2) for name, value in seconds.items()}
    facts["bf16 step / fp32 step"] = round(seconds["bf16"] / seconds["fp32"], 2)
    return report("gpu_step", checks, facts | _memory(fast), options.json)


def _finished(action: Callable[[], object]) -> Callable[[], None]:
    """The action, and the wait until the GPU is through with it."""

    def run() -> None:
        action()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def _difference_from_cpu(cpu: Trainer, gpu: Trainer) -> float:
    """Largest between the loss parts of the same batch, weights and placeholders, dropout off."""
    step = cpu.make_step(next(cpu.shuffled_batches()))  # one for both: a GPU's own is cut into other blocks
    found = []
    for trainer in (cpu, gpu):
        trainer.model.eval()
        with torch.no_grad():
            found.append(trainer.model.losses(step.to(trainer.device), trainer.catalogue))
        trainer.model.train()
    return max(abs(float(found[0][name]) - float(found[1][name])) for name in found[0])


def _same_ranks(cpu: Trainer, gpu: Trainer) -> float:
    """Share of users whose target has the same rank by the same weights."""
    positions = cpu.dataset.positions("valid")[:RANKED_USERS]
    ranks = [_rank(trainer, positions).target_rank for trainer in (cpu, gpu)]
    return float(np.mean(ranks[0] == ranks[1]))


def _rank(trainer: Trainer, positions: np.ndarray):
    batch_size, device_type = trainer.config.eval_batch_size, trainer.device.type
    found = rank_targets(
        trainer.scorer(), trainer.dataset, positions, batch_size=batch_size, mask_seen=False, device_type=device_type
    )
    trainer.model.train()
    return found


def _memory(trainer: Trainer) -> dict[str, object]:
    """The GPU, and the most memory that a step takes on it by itself."""
    if trainer.device.type != "cuda":
        return {}
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    make_step(trainer)()
    name = torch.cuda.get_device_name()
    return {
        "device": name,
        "a step's own peak, gigabytes": round((torch.cuda.max_memory_allocated() - before) / 1e9, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
