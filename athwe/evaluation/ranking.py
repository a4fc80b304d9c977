"""One pass over all users and items: the rank of each target and the top-K (`PROTOCOL.md`, Evaluation)."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from athwe.chunks import rows_per_chunk
from athwe.data import Batch, Dataset
from athwe.errors import AthweError

TOP_K = 50
"""Length of the stored recommendation lists."""

BLOCK_ITEMS = 64
"""Items of which only the best one is looked at first, in the search for the top-K."""


@runtime_checkable
class Scorer(Protocol):
    """Scores in two steps, so that no score is held for every pair of a row of the batch and an item."""

    def encode(self, batch: Batch) -> Tensor:
        """(B, …), what the rows of a batch on the CPU are scored by."""
        ...

    def score(self, encoded: Tensor) -> Tensor:
        """Scores (rows, N) float32 of all items, the padding item included, for some rows of what `encode` gave.

        A new tensor, which is written to.
        """
        ...


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
    scorer: Scorer, dataset: Dataset, positions: np.ndarray, *, batch_size: int, mask_seen: bool
) -> Ranking:
    """Rank the targets at `positions` among all items.

    Users of similar history length share a batch, since the forward pass is length-invariant.

    Raises:
        NonFiniteScoreError: a score is NaN.
    """
    order = np.argsort(dataset.lengths(positions), kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    results = [part for batch in batches for part in _rank_batch(scorer, dataset, positions[batch], mask_seen)]
    back = np.argsort(order)
    target_rank, top_items, top_scores = (np.concatenate(parts)[back] for parts in zip(*results, strict=True))
    return Ranking(positions, target_rank, top_items, top_scores, mask_seen)


def _rank_batch(
    scorer: Scorer, dataset: Dataset, positions: np.ndarray, mask_seen: bool
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    batch = dataset.batch(positions)
    encoded = scorer.encode(batch)
    target = batch.target.to(encoded.device)
    rows = rows_per_chunk(encoded.device.type, dataset.n_items)
    results = []
    for start in range(0, len(positions), rows):
        chunk = slice(start, start + rows)
        scores = scorer.score(encoded[chunk])
        scores[:, 0] = -torch.inf
        if mask_seen:
            row, item = (torch.as_tensor(index, device=scores.device) for index in dataset.seen(positions[chunk]))
            scores[row, item] = -torch.inf
        results.append((ranks_of(scores, target[chunk]), *top_k(scores, min(TOP_K, scores.shape[1] - 1))))
    if any(values[:, 0].isnan().any() for _, values, _ in results):  # NaN sorts above every number
        raise NonFiniteScoreError("the model gives NaN scores: it has diverged, lower learning_rate")
    return [(rank.cpu().numpy(), items.cpu().numpy(), values.cpu().numpy()) for rank, values, items in results]


def ranks_of(scores: Float[Tensor, "batch items"], target: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """1-based ranks (B,) int64 of the targets, every tie counted against them.

    >>> ranks_of(torch.tensor([[0.1, 0.9, 0.5], [0.3, 0.3, 0.3]]), torch.tensor([2, 2]))
    tensor([2, 3])
    """
    own = scores.gather(1, target[:, None])
    at_least = torch.empty_like(scores)  # adding floats is faster than adding booleans, and exact up to 2**24 items
    return torch.ge(scores, own, out=at_least).sum(dim=1).long()


def top_k(scores: Float[Tensor, "batch items"], k: int) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """The k largest scores, best first, and their items.

    They lie in the k blocks of items with the largest best scores, so only those blocks are sorted.

    >>> top_k(torch.tensor([[0.1, 0.9, 0.5]]), 2)
    (tensor([[0.9000, 0.5000]]), tensor([[1, 2]]))
    """
    count = scores.shape[1] // BLOCK_ITEMS
    if count <= 2 * k:
        found = scores.topk(k, dim=1)
        return found.values, found.indices
    whole = count * BLOCK_ITEMS
    best = scores[:, :whole].unflatten(1, (count, BLOCK_ITEMS)).amax(dim=2)
    block = best.topk(k, dim=1, sorted=False).indices
    within = (block[:, :, None] * BLOCK_ITEMS + torch.arange(BLOCK_ITEMS, device=scores.device)).flatten(1)
    rest = torch.arange(whole, scores.shape[1], device=scores.device).expand(len(scores), -1)
    item = torch.cat([within, rest], dim=1)
    found = scores.gather(1, item).topk(k, dim=1)
    return found.values, item.gather(1, found.indices)
