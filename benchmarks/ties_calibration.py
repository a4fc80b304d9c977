"""How often a tie set calls identical models different, and what optimism is found: simulated studies.

`python benchmarks/ties_calibration.py --studies 600` prints for each size the share of studies in which plain Holm
against the best, and the tie set's own correction, call at least one of several identical models different at .05; then
the same of configurations whose runs differ by their seed alone, by one run each and over several seeds; then the true
optimism of picking the best of 12 beside the estimate.
"""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from athwe.evaluation.comparison import compare, compare_over_seeds
from athwe.evaluation.metrics import ndcg
from athwe.evaluation.optimism import optimism

SIZES = ((60, 5), (300, 2), (300, 12), (1000, 12), (1000, 30))
"""Users and models."""
SEEDED = ((4, 2, 0.0), (4, 2, 0.1), (4, 3, 0.1), (4, 5, 0.1), (10, 3, 0.1))
"""Configurations, seeds of each, and what a seed changes, of 1,000 users."""
SHARED = 0.7
"""Share of the variance of a target's difficulty that all models have in common."""


def study(
    generator: np.random.Generator, users: int, models: int, spread: float = 0.0, offsets: np.ndarray | float = 0.0
) -> np.ndarray:
    """NDCG@10 by user and model, median rank 55; the models' skills `spread` apart from the first to the last."""
    common = generator.standard_normal((users, 1)) * SHARED**0.5
    own = generator.standard_normal((users, models)) * (1 - SHARED) ** 0.5
    difficulty = common + own + np.linspace(0, spread, models) + offsets
    return ndcg(np.floor(np.exp(4 + 2 * difficulty)).astype(np.int64) + 1, 10).astype(np.float32)


def calibration(users: int, models: int, studies: int) -> dict[str, float]:
    """Shares of studies of identical models with a model that is called different."""
    generator, plain, corrected = np.random.default_rng(1), 0, 0
    for number in range(studies):
        found = compare(study(generator, users, models), resamples=1999, seed=number)
        plain += bool((found.p_holm <= 0.05).any())
        corrected += not found.tied.all()
    return {"users": users, "models": models, "plain Holm": plain / studies, "tie set": corrected / studies}


def seed_calibration(users: int, models: int, seeds: int, effect: float, studies: int) -> dict[str, float]:
    """Shares of studies of identical configurations with one that is called different: by one run each, over seeds.

    Args:
        effect: what a seed changes in a run's difficulty, as its sd.
    """
    generator, by_one, over, spread = np.random.default_rng(3), 0, 0, list[float]()
    model_of = np.repeat(np.arange(models), seeds)
    for number in range(studies):
        offsets = generator.standard_normal(models * seeds) * effect
        values = study(generator, users, models * seeds, offsets=offsets)
        by_one += not compare(values[:, ::seeds], resamples=1999, seed=number).tied.all()
        over += not compare_over_seeds(values, model_of, resamples=1999, seed=number).tied.all()
        means = values.mean(axis=0, dtype=np.float64).reshape(models, seeds)
        spread.append(float(means.std(axis=1, ddof=1).mean()))
    sizes = {"users": users, "models": models, "seeds": seeds, "sd of a run's mean": float(np.mean(spread))}
    return sizes | {"one run each": by_one / studies, "over seeds": over / studies}


def measured_optimism(spread: float, studies: int, users: int = 1000, models: int = 12) -> dict[str, float]:
    """What the best one's mean overstates, known from 400,000 users more, and the estimate."""
    worth = study(np.random.default_rng(9), 400_000, models, spread).mean(axis=0, dtype=np.float64)
    worth = worth if spread else np.full(models, worth.mean())
    generator, true, found = np.random.default_rng(5), list[float](), list[float]()
    for number in range(studies):
        values = study(generator, users, models, spread)
        best = int(values.mean(axis=0).argmax())
        true.append(float(values[:, best].mean()) - worth[best])
        found.append(optimism(values, splits=400, seed=number))
    return {"spread": spread, "true optimism": float(np.mean(true)), "estimate": float(np.mean(found))}


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=600, help="simulated studies a case (default: 600)")
    studies = parser.parse_args().studies
    for users, models in SIZES:
        print(json.dumps(calibration(users, models, studies)), flush=True)
    for models, seeds, effect in SEEDED:
        print(json.dumps(seed_calibration(1000, models, seeds, effect, studies)), flush=True)
    for spread in (0.0, 0.25):
        print(json.dumps(measured_optimism(spread, studies // 4)), flush=True)


if __name__ == "__main__":
    main()
