"""Histories of different lengths as one row of tokens, so that one operation serves them all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from athwe.data import Batch
from athwe.model.time_gaps import time_gaps


@dataclass(frozen=True)
class Packed:
    """The tokens of one or more batches, one block behind the other.

    B histories padded to L are a block of L · B tokens, position by position: every first interaction, then every
    second one, and so on. What treats each token alike (embeddings, products, norms, dropout) runs once over all
    tokens; what mixes the positions of a history (wavelets, attention) takes the blocks one by one.
    """

    shapes: tuple[tuple[int, int], ...]
    """(L, B) of each block."""
    item: Int[Tensor, " tokens"]
    """0 at padding."""
    valid: Bool[Tensor, " tokens"]
    """Which tokens are no padding."""
    position: Int[Tensor, " tokens"]
    """0 for the oldest interaction of a history."""
    gap_seconds: Int[Tensor, " tokens"]
    """Since the interaction before (`time_gaps`)."""
    timestamp: Int[Tensor, " tokens"]
    """Unix seconds, 0 at padding."""
    last: Int[Tensor, " histories"]
    """Index of the last valid token of every history."""

    @classmethod
    def of(cls, *batches: Batch) -> "Packed":
        """The histories of batches, in their order, on their device."""
        shapes = tuple((batch.item_sequence.shape[1], len(batch.length)) for batch in batches)
        item = pack(batch.item_sequence for batch in batches)
        device = item.device
        last, begin = [], 0
        for batch, (length, count) in zip(batches, shapes, strict=True):
            last.append(begin + (batch.length - 1) * count + torch.arange(count, device=device))
            begin += length * count
        return cls(
            shapes=shapes,
            item=item,
            valid=item != 0,
            position=torch.cat([torch.arange(length, device=device).repeat_interleave(n) for length, n in shapes]),
            gap_seconds=pack(time_gaps(batch.timestamp, batch.item_sequence != 0) for batch in batches),
            timestamp=pack(batch.timestamp for batch in batches),
            last=torch.cat(last),
        )

    def blocks(self, x: Shaped[Tensor, "tokens ..."]) -> list[Shaped[Tensor, "..."]]:
        """Views (L, B, …) of the blocks of what is known of every token."""
        return cut(x, self.shapes)


def pack(batches: Iterable[Shaped[Tensor, "..."]]) -> Shaped[Tensor, " tokens"]:
    """What is known of the positions (B, L) of each batch, in the order of the tokens."""
    return torch.cat([rows.T.flatten() for rows in batches])


def cut(x: Shaped[Tensor, "..."], shapes: Sequence[tuple[int, int]], dim: int = 0) -> list[Shaped[Tensor, "..."]]:
    """Views of the blocks of `shapes` that lie behind each other along `dim`, which becomes two dimensions."""
    sizes = [length * count for length, count in shapes]
    return [block.unflatten(dim, shape) for block, shape in zip(x.split(sizes, dim), shapes, strict=True)]
