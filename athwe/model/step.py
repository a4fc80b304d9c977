"""The input of one training step, made on the host so that the step itself never waits for the device."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from athwe.data import Batch, Dataset
from athwe.data.length_groups import cut_by_length

PART_OVERHEAD_TOKENS = {"cpu": 800, "cuda": 30_000}
"""What one more part costs, in tokens: the time to launch its operations. For a GPU an estimate, not measured."""


@dataclass(frozen=True)
class Negatives:
    """Items drawn from a proposal distribution q, for the sampled softmax."""

    item: Int[Tensor, " negatives"]
    log_expected: Float[Tensor, " negatives"]
    """log(S · q), S being how many are drawn."""


@dataclass(frozen=True)
class Step:
    """B samples as parts of similar length, what to replace in them, and the items they hold with their counts.

    The forward pass is exactly length-invariant, so each part is only as long as its longest history. Items are
    numbered within the step: a step embeds the items it touches once, and gathers from those.
    """

    parts: tuple[Batch, ...]
    """In the numbers of the step: i stands for `items[i]`, and 0 is padding in both."""
    placeholders: tuple[Bool[Tensor, "..."], ...]
    """Per part (B, L), the positions that the temporal contrast replaces."""
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
        parts = tuple(dataset.batch(positions[order[group]]) for group in groups)
        masks = tuple(placeholder_mask(part.length, beta, generator) for part in parts)
        return cls.from_parts(parts, masks, negatives)

    @classmethod
    def from_parts(
        cls, parts: tuple[Batch, ...], placeholders: tuple[Tensor, ...], negatives: Negatives | None = None
    ) -> "Step":
        """Number the items of batches, given in the numbers of the data set, within the step."""
        histories = [part.item_sequence.flatten() for part in parts]
        others = [*(part.target for part in parts), *([negatives.item] if negatives else [])]
        everything = torch.cat([torch.zeros(1, dtype=torch.int64), *histories, *others])
        items, number = everything.unique(return_inverse=True)
        numbers = number[1:].split([len(tensor) for tensor in (*histories, *others)])
        counts = torch.cat(numbers[: len(parts)]).bincount(minlength=len(items)).float()
        counts[0] = 0
        numbered = (
            replace(part, item_sequence=history.view_as(part.item_sequence), target=target)
            for part, history, target in zip(parts, numbers, numbers[len(parts) :], strict=False)
        )
        drawn = replace(negatives, item=numbers[-1]) if negatives else None
        return cls(tuple(numbered), placeholders, items, counts, drawn)

    @property
    def target(self) -> Int[Tensor, " batch"]:
        """Targets (B,) of all parts, in their order and in the numbers of the step."""
        return torch.cat([part.target for part in self.parts])

    def to(self, device: torch.device) -> "Step":
        """The same step on another device; from pinned memory, so that a GPU's copies run beside its computation."""

        def move(tensor: Tensor) -> Tensor:
            return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)

        def move_fields(holder: Any) -> Any:
            return type(holder)(**{name: move(tensor) for name, tensor in vars(holder).items()})

        return Step(
            parts=tuple(map(move_fields, self.parts)),
            placeholders=tuple(map(move, self.placeholders)),
            items=move(self.items),
            counts=move(self.counts),
            negatives=None if self.negatives is None else move_fields(self.negatives),
        )


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
