"""K-medoids by alternation, exactly as scikit-learn-extra's `KMedoids(method="alternate", init="k-medoids++")`.

The same draws and the same steps, so the same medoids from the same seed; but distances are computed when they are
asked for, a block at a time, so that memory does not grow with the square of the points. torch computes them, so that
`torch.set_num_threads` counts.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float64, Int64

MAX_ITERATIONS = 100
BLOCK_ENTRIES = 1 << 24
"""Distances held at once (128 MB), at least those of one point."""


def alternate(points: Float64[np.ndarray, "n C"], n_clusters: int, seed: int) -> Int64[np.ndarray, " k"]:
    """Indices of the medoids: give each point to the nearest, move each to the middle of its own, until none moves."""
    medoids = _plus_plus(points, n_clusters, np.random.RandomState(seed))
    for _ in range(MAX_ITERATIONS):
        labels = nearest(points, points[medoids])
        members = (np.flatnonzero(labels == k) for k in range(n_clusters))
        moved = np.array([_middle(points, *pair) for pair in zip(members, medoids.tolist(), strict=True)])
        if (moved == medoids).all():
            break
        medoids = moved
    return medoids


def nearest(points: Float64[np.ndarray, "n C"], centres: Float64[np.ndarray, "k C"]) -> Int64[np.ndarray, " n"]:
    """Index of each point's nearest centre, Euclidean."""
    return np.concatenate([block.argmin(axis=1) for block in _distances(points, centres)])


def total_distance(points: Float64[np.ndarray, "n C"], centres: Float64[np.ndarray, "k C"]) -> float:
    """What K-medoids minimises: the sum over points of the distance to the nearest centre."""
    return float(sum(block.min(axis=1).sum() for block in _distances(points, centres)))


def _middle(points: Float64[np.ndarray, "n C"], members: Int64[np.ndarray, " m"], medoid: int) -> int:
    """The member with the least sum of distances to the others; the medoid stays where it is as good, or has none."""
    if not len(members):
        return medoid
    own = points[members]
    cost = np.concatenate([block.sum(axis=1) for block in _distances(own, own)])
    best = cost.argmin()
    return int(members[best] if cost[best] < cost[(members == medoid).argmax()] else medoid)


def _plus_plus(
    points: Float64[np.ndarray, "n C"], n_clusters: int, random: np.random.RandomState
) -> Int64[np.ndarray, " k"]:
    """Draw one after the other by the squared distance to the nearest so far; of a few drawn the best is taken."""
    trials = 2 + int(np.log(n_clusters))
    tensor = torch.from_numpy(points)
    norm = tensor.square().sum(dim=1)

    def squared(chosen: Int64[np.ndarray, " t"]) -> Float64[np.ndarray, "t n"]:
        """Squared distances to all points, as |a|² + |b|² − 2ab: no copy of the points each time."""
        return (norm[chosen, None] + norm - 2 * tensor[chosen] @ tensor.T).clamp(min=0).numpy()

    chosen = np.array([random.randint(len(points))])
    closest = squared(chosen)[0]
    while len(chosen) < n_clusters:
        drawn = random.random_sample(trials) * closest.sum()
        candidates = np.searchsorted(np.cumsum(closest), drawn).clip(max=len(points) - 1)
        closer = np.minimum(closest, squared(candidates))
        best = closer.sum(axis=1).argmin()
        chosen = np.append(chosen, candidates[best])
        closest = closer[best]
    return chosen


def _distances(
    points: Float64[np.ndarray, "n C"], centres: Float64[np.ndarray, "k C"]
) -> Iterator[Float64[np.ndarray, "b k"]]:
    """Distances of all points to all centres, a block of points at a time."""
    right = torch.from_numpy(centres)
    for block in torch.from_numpy(points).split(max(1, BLOCK_ENTRIES // len(centres))):
        yield torch.cdist(block, right).numpy()
