"""Ranking metrics as functions of the target's rank: one value per user, averaged last (`PROTOCOL.md`, Evaluation)."""

from collections.abc import Callable, Iterable

import numpy as np

Ranks = np.ndarray
"""(n,) int64, 1-based rank of each user's one target."""


def ndcg(target_rank: Ranks, k: int) -> np.ndarray:
    """`1 / log2(rank + 1)` within the cutoff, else 0.

    >>> ndcg(np.array([1, 3, 11]), k=10)
    array([1. , 0.5, 0. ])
    """
    return np.where(target_rank <= k, 1 / np.log2(target_rank + 1), 0.0)


def mrr(target_rank: Ranks, k: int) -> np.ndarray:
    """`1 / rank` within the cutoff, else 0.

    >>> mrr(np.array([1, 4, 11]), k=10)
    array([1.  , 0.25, 0.  ])
    """
    return np.where(target_rank <= k, 1 / target_rank, 0.0)


def recall(target_rank: Ranks, k: int) -> np.ndarray:
    """1 within the cutoff, else 0; with one target this is the hit rate too.

    >>> recall(np.array([1, 10, 11]), k=10)
    array([1., 1., 0.])
    """
    return (target_rank <= k).astype(np.float64)


METRICS: dict[str, Callable[[Ranks, int], np.ndarray]] = {"ndcg": ndcg, "mrr": mrr, "recall": recall}


def values_of(metric: str, target_rank: Ranks) -> np.ndarray:
    """A metric with its cutoff, of every user: (n,) float64.

    >>> values_of("ndcg@10", np.array([1, 3, 11]))
    array([1. , 0.5, 0. ])
    """
    name, _, cutoff = metric.partition("@")
    return METRICS[name](target_rank, int(cutoff))


def mean_metrics(target_rank: Ranks, names: Iterable[str], cutoffs: Iterable[int]) -> dict[str, float]:
    """Means over users, keyed `ndcg@10`.

    >>> mean_metrics(np.array([1, 11]), ["recall"], [10])
    {'recall@10': 0.5}
    """
    cutoffs = tuple(cutoffs)
    return {f"{name}@{k}": float(METRICS[name](target_rank, k).mean()) for name in names for k in cutoffs}
