"""The input of one training step, made on the host so that the step itself never waits for the device."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from athwe.data import Batch, Dataset


@dataclass(frozen=True)
class Step:
    """B samples as parts of similar length, what to replace in them, and the items they hold with their counts.

    The forward pass is exactly length-invariant, so each part is only as long as its longest history.
    """

    parts: tuple[Batch, ...]
    placeholders: tuple[Bool[Tensor, "..."], ...]
    """Per part (B, L), the positions that the temporal contrast replaces."""
    items: Int[Tensor, " unique"]
    """Items at valid positions, each once."""
    counts: Float[Tensor, " unique"]
    """How many valid positions hold each of them."""

    @classmethod
    def of(
        cls, dataset: Dataset, positions: np.ndarray, *, beta: float, generator: torch.Generator, part_count: int = 1
    ) -> "Step":
        """Gather the samples whose targets stand at `positions` (n,) of the data set.

        Args:
            beta: share of valid positions to replace.
            generator: draws which.
            part_count: parts to cut the samples into, by length.
        """
        by_length = positions[np.argsort(dataset.lengths(positions), kind="stable")]
        parts = tuple(dataset.batch(part) for part in np.array_split(by_length, part_count) if len(part))
        return cls.from_parts(parts, tuple(placeholder_mask(part.length, beta, generator) for part in parts))

    @classmethod
    def from_parts(cls, parts: tuple[Batch, ...], placeholders: tuple[Tensor, ...]) -> "Step":
        """Count the items of batches that are there already."""
        valid = torch.cat([part.item_sequence[part.item_sequence > 0] for part in parts])
        items, counts = valid.unique(return_counts=True)
        return cls(parts, placeholders, items, counts.float())

    @property
    def target(self) -> Int[Tensor, " batch"]:
        """Targets (B,) of all parts, in their order."""
        return torch.cat([part.target for part in self.parts])

    def to(self, device: torch.device) -> "Step":
        """The same step on another device."""
        return Step(
            tuple(part.to(device) for part in self.parts),
            tuple(mask.to(device, non_blocking=True) for mask in self.placeholders),
            self.items.to(device, non_blocking=True),
            self.counts.to(device, non_blocking=True),
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
