"""One pass over all users and items: the rank of each target and the top-K (`PROTOCOL.md`, Evaluation)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from athwe.chunks import rows_per_chunk
from athwe.data import Batch, Dataset
from athwe.errors import AthweError

TOP_K = 50
"""Length of the stored recommendation lists."""

FEWEST_ROWS = 64
"""Users ranked at once at least, however many items there are."""
BLOCK_ITEMS = 64
"""Items of which only the best one is looked at first, in the search for the top-K."""


Scorer = Callable[[Batch], Tensor]
"""Scores (B, N) of all items, the padding item included, for a batch on the CPU; a new tensor, which is written to.

Called from several threads, so modes that belong to a thread, such as `torch.no_grad`, are its own to set.
"""


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
    score: Scorer,
    dataset: Dataset,
    positions: np.ndarray,
    *,
    batch_size: int,
    mask_seen: bool,
    device_type: str = "cpu",
) -> Ranking:
    """Rank the targets at `positions` among all items.

    Users of similar history length share a batch, since the forward pass is length-invariant, and a batch is no larger
    than keeps its scores in the cache.

    Args:
        batch_size: users scored at once at most.
        device_type: where scores are made; it says how many are held at once.

    Raises:
        NonFiniteScoreError: a score is NaN.
    """
    order = np.argsort(dataset.lengths(positions), kind="stable")
    rows = min(batch_size, rows_per_chunk(device_type, dataset.n_items, at_least=FEWEST_ROWS))
    chunks = [order[start : start + rows] for start in range(0, len(order), rows)]
    k = min(TOP_K, dataset.n_items - 1)
    ranking = Ranking(
        positions=positions,
        target_rank=np.empty(len(positions), np.int64),
        top_items=np.empty((len(positions), k), np.int64),
        top_scores=np.empty((len(positions), k), np.float32),
        mask_seen=mask_seen,
    )

    def rank_chunk(chunk: np.ndarray) -> None:
        _rank_batch(score, dataset, chunk, ranking)

    _in_threads(rank_chunk, chunks, torch.get_num_threads() if device_type == "cpu" else 1)
    return ranking


def _in_threads(work: Callable[[np.ndarray], None], chunks: Sequence[np.ndarray], threads: int) -> None:
    """Each thread takes chunks of its own: they wait for each other once, not in every small operation."""
    if threads == 1:
        for chunk in chunks:
            work(chunk)
        return
    try:
        torch.set_num_threads(1)
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(work, chunks):
                pass
    finally:
        torch.set_num_threads(threads)


def _rank_batch(score: Scorer, dataset: Dataset, rows: np.ndarray, ranking: Ranking) -> None:
    """Rank some rows, and write what comes of it into them."""
    positions = ranking.positions[rows]
    batch = dataset.batch(positions)
    scores = score(batch)
    scores[:, 0] = -torch.inf
    if ranking.mask_seen:
        row, item = (torch.as_tensor(index, device=scores.device) for index in dataset.seen(positions))
        scores[row, item] = -torch.inf
    values, items = top_k(scores, ranking.top_items.shape[1])
    if values[:, 0].isnan().any():  # NaN sorts above every number
        raise NonFiniteScoreError("the model gives NaN scores: it has diverged, lower learning_rate")
    ranking.top_scores[rows], ranking.top_items[rows] = values.cpu().numpy(), items.cpu().numpy()
    ranking.target_rank[rows] = ranks_of(scores, batch.target.to(scores.device)).cpu().numpy()


def ranks_of(scores: Float[Tensor, "batch items"], target: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """1-based ranks (B,) int64 of the targets, every tie counted against them. The scores are overwritten.

    >>> ranks_of(torch.tensor([[0.1, 0.9, 0.5], [0.3, 0.3, 0.3]]), torch.tensor([2, 2]))
    tensor([2, 3])
    """
    own = scores.gather(1, target[:, None])
    # Adding floats is faster than adding booleans, and exact up to 2**24 items.
    return torch.ge(scores, own, out=scores).sum(dim=1).long()


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
