"""The input of one training step, made on the host so that the step itself never waits for the device."""

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from athwe.data import Batch, Dataset
from athwe.data.length_groups import cut_by_length
from athwe.model.packed import Packed, pack

PART_OVERHEAD_TOKENS = {"cpu": 200, "cuda": 30_000}
"""What one more part costs, in tokens: the time to launch its operations. On a CPU 100 to 200 were the fastest of 50 to
1,600 for a large catalogue, `demo`, one and two threads. For a GPU an estimate, not measured."""


@dataclass(frozen=True)
class Negatives:
    """Items drawn from a proposal distribution q, for the sampled softmax."""

    item: Int[Tensor, " negatives"]
    log_expected: Float[Tensor, " negatives"]
    """log(S · q), S being how many are drawn."""


@dataclass(frozen=True)
class Step:
    """B samples packed by similar length, what to replace in them, and the items they hold with their counts.

    The forward pass is exactly length-invariant, so each block is only as long as its longest history. Items are
    numbered within the step: a step embeds the items it touches once, and gathers from those.
    """

    histories: Packed
    """In the numbers of the step: i stands for `items[i]`, and 0 is padding in both."""
    target: Int[Tensor, " histories"]
    """In the numbers of the step."""
    placeholders: Bool[Tensor, " tokens"]
    """What the temporal contrast replaces."""
    items: Int[Tensor, " unique"]
    """Every item of the step once, ascending; padding is the first."""
    counts: Float[Tensor, " unique"]
    """How many valid positions of the histories hold each of them; 0 for padding."""
    negatives: Negatives | None
    """In the numbers of the step; None for the softmax over all items."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        positions: np.ndarray,
        *,
        beta: float,
        generator: torch.Generator,
        part_overhead_tokens: int,
        negatives: Negatives | None = None,
    ) -> "Step":
        """Gather the samples whose targets stand at `positions` (n,) of the data set.

        Args:
            beta: share of valid positions to replace.
            generator: draws which.
            part_overhead_tokens: what one more part costs (`cut_by_length`).
            negatives: in the numbers of the data set.
        """
        length = dataset.lengths(positions)
        order = np.argsort(length, kind="stable")
        groups = cut_by_length(length[order], part_overhead_tokens)
        batches = [dataset.batch(positions[order[group]]) for group in groups]
        masks = [placeholder_mask(batch.length, beta, generator) for batch in batches]
        return cls.of_batches(batches, masks, negatives)

    @classmethod
    def of_batches(
        cls,
        batches: Sequence[Batch],
        placeholders: Sequence[Bool[Tensor, "..."]],
        negatives: Negatives | None = None,
    ) -> "Step":
        """Pack batches, given in the numbers of the data set, and number their items within the step.

        Args:
            placeholders: (B, L) of each batch, the positions that the temporal contrast replaces.
        """
        histories = Packed.of(*batches)
        target = torch.cat([batch.target for batch in batches])
        drawn = [negatives.item] if negatives else []
        everything = torch.cat([torch.zeros(1, dtype=torch.int64), histories.item, target, *drawn])
        items, number = everything.unique(return_inverse=True)
        item, target, drawn = number[1:].tensor_split([len(histories.item), len(histories.item) + len(target)])
        counts = item.bincount(minlength=len(items)).float()
        counts[0] = 0
        return cls(
            histories=replace(histories, item=item),
            target=target,
            placeholders=pack(placeholders),
            items=items,
            counts=counts,
            negatives=replace(negatives, item=drawn) if negatives else None,
        )

    def to(self, device: torch.device) -> "Step":
        """The same step on another device; from pinned memory, so that a GPU's copies run beside its computation."""

        def move(value: Any) -> Any:
            if isinstance(value, Tensor):
                return (value.pin_memory() if device.type == "cuda" else value).to(device, non_blocking=True)
            if is_dataclass(value):
                return type(value)(**{name: move(held) for name, held in vars(value).items()})
            return value

        return move(self)


def placeholder_mask(
    length: Int[Tensor, " batch"], beta: float, generator: torch.Generator
) -> Bool[Tensor, "batch longest"]:
    """Draw `clip(round(beta · length), 1, length)` valid positions of every row, uniformly and without a loop.

    The published code draws `floor(beta)` = 0 positions, so its temporal contrast never sees time.
    """
    count = (beta * length).round().clamp_min(1).minimum(length)
    valid = torch.arange(int(length.max())) < length[:, None]
    draw = torch.rand(valid.shape, generator=generator).masked_fill(~valid, 2.0)
    return draw.argsort(dim=1).argsort(dim=1) < count[:, None]
