"""How often a tie set calls identical models different, and what optimism is found: simulated studies.

`python benchmarks/ties_calibration.py --studies 600` prints for each size the share of studies in which plain Holm
against the best, and the tie set's own correction, call at least one of several identical models different at .05; then
the true optimism of picking the best of 12 beside the estimate.
"""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from athwe.evaluation.comparison import compare
from athwe.evaluation.metrics import ndcg
from athwe.evaluation.optimism import optimism

SIZES = ((60, 5), (300, 2), (300, 12), (1000, 12), (1000, 30))
"""Users and models."""
SHARED = 0.7
"""Share of the variance of a target's difficulty that all models have in common."""


def study(generator: np.random.Generator, users: int, models: int, spread: float = 0.0) -> np.ndarray:
    """NDCG@10 by user and model, median rank 55; the models' skills `spread` apart from the first to the last."""
    common = generator.standard_normal((users, 1)) * SHARED**0.5
    own = generator.standard_normal((users, models)) * (1 - SHARED) ** 0.5
    difficulty = common + own + np.linspace(0, spread, models)
    return ndcg(np.floor(np.exp(4 + 2 * difficulty)).astype(np.int64) + 1, 10).astype(np.float32)


def calibration(users: int, models: int, studies: int) -> dict[str, float]:
    """Shares of studies of identical models with a model that is called different."""
    generator, plain, corrected = np.random.default_rng(1), 0, 0
    for number in range(studies):
        found = compare(study(generator, users, models), resamples=1999, seed=number)
        plain += bool((found.p_holm <= 0.05).any())
        corrected += not found.tied.all()
    return {"users": users, "models": models, "plain Holm": plain / studies, "tie set": corrected / studies}


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
    for spread in (0.0, 0.25):
        print(json.dumps(measured_optimism(spread, studies // 4)), flush=True)


if __name__ == "__main__":
    main()
