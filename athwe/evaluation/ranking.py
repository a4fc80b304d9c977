"""One pass over all users and items: the rank of each target and the top-K (`PROTOCOL.md`, Evaluation)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from athwe.data import Batch, Dataset
from athwe.errors import AthweError

TOP_K = 50
"""Length of the stored recommendation lists."""

Scorer = Callable[[Batch], Tensor]
"""Scores (B, N) of all items, the padding item included, for a batch on the CPU."""


class NonFiniteScoreError(AthweError):
    """A scorer that gives NaN: its ranks would mean nothing."""


@dataclass(frozen=True)
class Ranking:
    """One row per ranked target, in the order of `positions`."""

    positions: np.ndarray
    """(n,) int64, where the targets stand in the data set."""
    target_rank: np.ndarray
    """(n,) int64, 1-based, ties counted against the target."""
    top_items: np.ndarray
    """(n, K) int64, best first."""
    top_scores: np.ndarray
    """(n, K) float32."""
    mask_seen: bool
    """Whether the history was left out of the ranking."""


def rank_targets(
    score: Scorer, dataset: Dataset, positions: np.ndarray, *, batch_size: int, mask_seen: bool
) -> Ranking:
    """Rank the targets at `positions` among all items.

    Users of similar history length share a batch, since the forward pass is length-invariant.

    Raises:
        NonFiniteScoreError: a score is NaN.
    """
    order = np.argsort(dataset.lengths(positions), kind="stable")
    chunks = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    results = [_rank_batch(score, dataset, positions[chunk], mask_seen) for chunk in chunks]
    back = np.argsort(order)
    target_rank, top_items, top_scores = (np.concatenate(parts)[back] for parts in zip(*results, strict=True))
    return Ranking(positions, target_rank, top_items, top_scores, mask_seen)


def _rank_batch(
    score: Scorer, dataset: Dataset, positions: np.ndarray, mask_seen: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batch = dataset.batch(positions)
    scores = score(batch)
    scores[:, 0] = -torch.inf
    if mask_seen:
        row, item = (torch.as_tensor(index, device=scores.device) for index in dataset.seen(positions))
        scores[row, item] = -torch.inf
    if scores.isnan().any():
        raise NonFiniteScoreError("the model gives NaN scores: it has diverged, lower learning_rate")
    top = scores.topk(min(TOP_K, scores.shape[1] - 1), dim=1)
    rank = ranks_of(scores, batch.target.to(scores.device))
    return rank.cpu().numpy(), top.indices.cpu().numpy(), top.values.cpu().numpy()


def ranks_of(scores: Float[Tensor, "batch items"], target: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """1-based ranks (B,) int64 of the targets, every tie counted against them.

    >>> ranks_of(torch.tensor([[0.1, 0.9, 0.5], [0.3, 0.3, 0.3]]), torch.tensor([2, 2]))
    tensor([2, 3])
    """
    own = scores.gather(1, target[:, None])
    return (scores >= own).sum(dim=1)
