"""What a part is worth, user by user and seed by seed: paired differences with an interval, and Shapley's shares.

Random are the users and the seeds, crossed: every user is served by every seed's model. So a mean difference varies by
users, by seeds, and by both at once. Its variance is `(MS_users + MS_seeds − MS_rest) / (users · seeds)` with the mean
squares of a two-way analysis of variance (the seeds' part at least 0), its degrees of freedom are Satterthwaite's. With
one seed the users alone are random: what is said is said of these two models only.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
Worth = TypeVar("Worth", float, np.ndarray)


@dataclass(frozen=True)
class Effect:
    """A mean over users and seeds with an interval at CONFIDENCE, NaN where nothing is known of its spread."""

    mean: float
    low: float
    high: float
    p: float
    """Two-sided, that the mean is 0."""
    users: int
    seeds: int


def effect(values: np.ndarray) -> Effect:
    """The mean of (users, seeds) values, such as differences.

    >>> effect(np.array([[1.0], [2.0], [3.0]])).mean
    2.0
    """
    users, seeds = values.shape
    mean = float(values.mean())
    if users < 2:
        return Effect(mean, math.nan, math.nan, math.nan, users, seeds)
    variance, freedom = _variance(values)
    if variance <= 0:
        return Effect(mean, mean, mean, float(mean == 0), users, seeds)
    error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Effect(mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, freedom)), users, seeds)


def _variance(values: np.ndarray) -> tuple[float, float]:
    """Of the mean, with its degrees of freedom."""
    users, seeds = values.shape
    by_user = values.mean(axis=1)
    of_users = seeds * float(by_user.var(ddof=1))
    if seeds == 1:
        return of_users / users, users - 1
    by_seed = values.mean(axis=0)
    rest = values - by_user[:, None] - by_seed + values.mean()
    of_rest = float((rest**2).sum()) / ((users - 1) * (seeds - 1))
    of_seeds = users * float(by_seed.var(ddof=1))
    total = of_users + max(of_seeds - of_rest, 0.0)
    parts = of_users**2 / (users - 1) + of_seeds**2 / (seeds - 1) + of_rest**2 / ((users - 1) * (seeds - 1))
    return total / (users * seeds), total**2 / parts if parts else math.inf


def shapley(worth: Mapping[frozenset[str], Worth]) -> dict[str, Worth]:
    """Each member's share: what it adds, averaged over all orders in which the members can come together.

    Args:
        worth: of every subset of the members, the empty one included; numbers, or arrays of the same shape.

    >>> shapley({frozenset(): 1.0, frozenset("a"): 3.0, frozenset("b"): 1.0, frozenset("ab"): 5.0})
    {'a': 3.0, 'b': 1.0}
    """
    everyone = max(worth, key=len)
    count = len(everyone)
    shares = {}
    for member in sorted(everyone):
        others = sorted(everyone - {member})
        shares[member] = sum(
            (worth[frozenset(before) | {member}] - worth[frozenset(before)]) / (count * math.comb(count - 1, size))
            for size in range(count)
            for before in combinations(others, size)
        )
    return shares
