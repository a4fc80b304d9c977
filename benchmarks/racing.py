"""`python benchmarks/racing.py`: which paired test a race should use, and what the race keeps of its promise.

Per-user NDCG@10 of simulated models. First single comparisons: how often each test calls two models different that are
the same (symmetric), or that have the same mean by a few large gains against many small losses (skewed), over the level
asked for, and how often it sees a truly worse one. Then whole races of models that are all the same.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
from scipy.stats import ttest_1samp, wilcoxon

from athwe.evaluation.metrics import ndcg
from tuning.pruning.racing import Race, p_value

TESTS = {
    "Wilcoxon": lambda d: wilcoxon(d, alternative="less", method="asymptotic").pvalue if d.any() else 1.0,
    "paired t": lambda d: ttest_1samp(d, 0, alternative="less").pvalue if d.any() else 1.0,
    "sign bound": p_value,
}


def model(generator: np.random.Generator, chance: np.ndarray) -> np.ndarray:
    """NDCG@10 of a model that ranks each user's target among the first ten with that user's chance."""
    hit = generator.random(len(chance)) < chance
    return ndcg(np.where(hit, generator.integers(1, 11, len(chance)), 99), 10)


def same(generator: np.random.Generator, users: int) -> np.ndarray:
    """Difference of two models that are the same; a tenth of the users is hit by each."""
    chance = generator.beta(0.5, 4.5, users)
    return model(generator, chance) - model(generator, chance)


def skewed(generator: np.random.Generator, users: int) -> np.ndarray:
    """Mean 0: one user in 50 gains 1, one in 5 loses 0.1."""
    return generator.choice([1.0, -0.1, 0.0], users, p=[0.02, 0.2, 0.78])


def worse(generator: np.random.Generator, users: int, share: float) -> np.ndarray:
    """Difference of a model to one that hits `1 / share` times as often."""
    chance = generator.beta(0.5, 4.5, users)
    return model(generator, chance * share) - model(generator, chance)


def stopped_share(
    generator: np.random.Generator, races: int, trials: int, looks: int, users: int, alpha: float
) -> float:
    """Of trials that are all the same, the share that is stopped. Half of an epoch's users are as in the one before."""
    stopped = 0
    for _ in range(races):
        race, chance = Race(frozenset(range(1, looks + 1)), alpha), generator.beta(0.5, 4.5, users)
        for number in range(trials):
            values = model(generator, chance)
            for epoch in range(1, looks + 1):
                values = np.where(generator.random(users) < 0.5, values, model(generator, chance))
                race.record(number, epoch, values)
                if race.is_behind(number, epoch, values):
                    stopped += 1
                    break
    return stopped / (races * trials)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--races", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    kinds = {"same": same, "skewed": skewed}
    kinds |= {
        f"hits {share:g} times as often": lambda g, n, share=share: worse(g, n, share) for share in (0.8, 0.6, 0.4)
    }
    print("users  difference               level   " + "  ".join(f"{name:>10}" for name in TESTS))
    for users in (943, 2000):
        for name, draw in kinds.items():
            repeats = arguments.repeats if name in ("same", "skewed") else arguments.repeats // 10
            found = np.array(
                [[test(d) for test in TESTS.values()] for d in (draw(generator, users) for _ in range(repeats))]
            )
            for level in (0.01, 0.05 / 220):
                shares = "  ".join(f"{share:10.4f}" for share in (found <= level).mean(axis=0))
                print(f"{users:5}  {name:23}  {level:.5f}  {shares}")
    for alpha in (0.05, 0.5):
        share = stopped_share(generator, arguments.races, trials=12, looks=20, users=943, alpha=alpha)
        print(f"12 equal trials, 20 looks, 943 users, {arguments.races} races: alpha {alpha:g}, stopped {share:.4f}")


if __name__ == "__main__":
    main()
