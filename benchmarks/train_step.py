"""One training step of ATHWE at Home_and_Kitchen's size against the products it cannot do without.

    python benchmarks/train_step.py            # fp32 against the floor, bf16 where the processor has it, peak memory
    python benchmarks/train_step.py --plain    # against the same equations written plainly

The floor is timed in the same run, in turn with the step: the score and its two backward products, both feature
projections and their weight gradients, and one cross-entropy pass over (1024, 28,238). The step makes its batch, too.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config import Config
from athwe.data import Catalogue, Dataset
from athwe.training.trainer import Trainer
from benchmarks.home_and_kitchen import FEATURE_WIDTH, ITEMS, make_catalogue, make_dataset, make_log
from benchmarks.measure import Check, alternate, make_parser, median_seconds, peak_memory_bytes, report, set_up
from benchmarks.plain_athwe import PlainATHWE

MODALITIES = 3
REPEATS = 7
PLAIN_REPEATS = 3
TOLERANCE = 1e-4


def main() -> int:
    """Measure what was asked for; the exit code says whether every limit is kept."""
    parser = make_parser(__doc__)
    parser.add_argument("--plain", action="store_true", help="compare with the plain equations instead of the floor")
    parser.add_argument("--repeats", type=int, default=None)
    options = parser.parse_args()
    set_up(options)
    dataset = make_dataset(make_log())
    catalogue = make_catalogue(dataset)
    measure = versus_plain if options.plain else versus_floor
    checks, facts = measure(dataset, catalogue, options.repeats)
    facts["threads"] = options.threads
    return report("train_step --plain" if options.plain else "train_step", checks, facts, options.json)


def versus_floor(dataset: Dataset, catalogue: Catalogue, repeats: int | None) -> tuple[list[Check], dict]:
    """The step in fp32, and in bf16 where the processor multiplies it, beside the floor."""
    has_bf16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    actions = {"floor": make_floor(), "fp32": make_step(make_trainer(dataset, catalogue))}
    for action in actions.values():  # the peak of one model's training, before another one comes beside it
        action()
        action()
    peak_bytes = peak_memory_bytes()
    if has_bf16:
        actions["bf16"] = make_step(make_trainer(dataset, catalogue, precision="bf16"))
    seconds = median_seconds(alternate(actions, repeats or REPEATS))
    checks = [
        Check("fp32 step / floor", seconds["fp32"] / seconds["floor"], 3.0),
        Check("peak memory, GB", peak_bytes / 1e9, 3.0),
    ]
    if has_bf16:
        checks.append(Check("bf16 step / fp32 step", seconds["bf16"] / seconds["fp32"], 0.8))
    facts = {f"{name}_seconds": round(value, 3) for name, value in seconds.items()}
    return checks, facts if has_bf16 else facts | {"bf16": "not measured: this processor has no avx512_bf16"}


def versus_plain(dataset: Dataset, catalogue: Catalogue, repeats: int | None) -> tuple[list[Check], dict]:
    """The step beside the plain one, whose losses are the same."""
    trainer = make_trainer(dataset, catalogue)
    difference = largest_difference(trainer)
    actions = {"plain": make_plain_step(make_trainer(dataset, catalogue)), "fast": make_step(trainer)}
    seconds = median_seconds(alternate(actions, repeats or PLAIN_REPEATS))
    checks = [
        Check("plain step / fast step", seconds["plain"] / seconds["fast"], 8.0, at_least=True),
        Check("largest difference of a loss", difference, TOLERANCE),
    ]
    facts = {f"{name}_seconds": round(value, 3) for name, value in seconds.items()}
    return checks, facts | {"peak_gigabytes": round(peak_memory_bytes() / 1e9, 2)}


def make_floor() -> Callable[[], object]:
    """The products of a step, and one pass of cross-entropy."""
    config = Config()
    batch, width, count = config.train_batch_size, MODALITIES * config.hidden_size, ITEMS + 1
    user, table, slope = torch.randn(batch, width), torch.randn(count, width), torch.randn(batch, count)
    features = [torch.randn(count, FEATURE_WIDTH) for _ in range(2)]
    weight, gradient = torch.randn(config.hidden_size, FEATURE_WIDTH), torch.randn(count, config.hidden_size)
    target = torch.randint(count, (batch,))

    def floor() -> None:
        scores = user @ table.T
        slope @ table
        slope.T @ user
        for feature in features:
            feature @ weight.T
            gradient.T @ feature
        F.cross_entropy(scores, target)

    return floor


def make_trainer(dataset: Dataset, catalogue: Catalogue, device: str = "cpu", **settings) -> Trainer:
    """A trainer of the published configuration, ready to step."""
    trainer = Trainer(Config(device=device, **settings), dataset, catalogue)
    trainer.model.train()
    return trainer


def make_step(trainer: Trainer) -> Callable[[], object]:
    """One step, its batch included, on the next samples of a shuffled epoch."""
    batches = _batches(trainer)
    return lambda: trainer.step(next(batches))


def make_plain_step(trainer: Trainer) -> Callable[[], object]:
    """The plain step over the same samples."""
    batches = _batches(trainer)
    plain = PlainATHWE(trainer.model, trainer.catalogue)

    def step() -> None:
        padded = _padded(trainer, next(batches))
        with trainer.device:
            parts = plain.losses(*padded)
        total = torch.stack([weight * parts[name] for name, weight in trainer.model.loss_weights.items()]).sum()
        trainer.optimizer.zero_grad()
        total.backward()
        trainer.optimizer.step()

    return step


def largest_difference(trainer: Trainer) -> float:
    """Between the loss parts of both forms on one batch, dropout off and the same placeholders."""
    positions = next(_batches(trainer))
    trainer.model.eval()
    state = trainer.generator.get_state()
    batch, placeholders = _padded(trainer, positions)
    trainer.generator.set_state(state)
    with torch.no_grad(), trainer.device:
        plain = PlainATHWE(trainer.model, trainer.catalogue).losses(batch, placeholders)
    with torch.no_grad():
        fast = trainer.model.losses(trainer.make_step(positions).to(trainer.device), trainer.catalogue)
    trainer.model.train()
    return max(abs(float(fast[name] - plain[name])) for name in fast | plain)


def _padded(trainer: Trainer, positions):
    """The samples of a step as one batch padded to the longest history there may be, with the step's placeholders."""
    step, dataset = trainer.make_step(positions), trainer.dataset
    longest = trainer.config.MAX_ITEM_LIST_LENGTH

    def pad(rows):
        return F.pad(rows, (0, longest - rows.shape[1]))

    batch = dataset.batch(positions[np.argsort(dataset.lengths(positions), kind="stable")])  # as a step sorts them
    batch = replace(batch, item_sequence=pad(batch.item_sequence), timestamp=pad(batch.timestamp))
    placeholders = torch.cat([pad(block.T) for block in step.histories.blocks(step.placeholders)])
    return batch.to(trainer.device), placeholders.to(trainer.device)


def _batches(trainer: Trainer) -> Iterator:
    """Training positions in shuffled batches, for ever."""
    for _ in itertools.count():
        yield from trainer.shuffled_batches()


if __name__ == "__main__":
    sys.exit(main())
