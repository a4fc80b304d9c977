"""How often the interval of a paired difference holds the truth, by how many seeds there are and what varies.

python benchmarks/ablation_interval.py
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np

from tuning.ablation.effects import effect

STUDIES, USERS = 1500, 400
VARIES = {
    "neither users nor seeds": (0, 0, 1),
    "users": (1, 0, 1),
    "users, seeds a little": (1, 0.05, 1),
    "users, seeds most": (1, 0.2, 1),
}
"""Standard deviations of users, seeds, and the rest. A mean over 400 users has a twentieth of theirs."""


def main() -> None:
    """Print a line a case."""
    chance = np.random.default_rng(0)
    for seeds in (1, 2, 3, 5):
        for words, (of_users, of_seeds, of_rest) in VARIES.items():
            hits = 0
            for _ in range(STUDIES):
                values = of_users * chance.standard_normal((USERS, 1)) + of_seeds * chance.standard_normal((1, seeds))
                found = effect(values + of_rest * chance.standard_normal((USERS, seeds)))
                hits += found.low <= 0 <= found.high
            print(f"{seeds} seeds, what varies: {words}: {hits / STUDIES:.1%}")


if __name__ == "__main__":
    main()
