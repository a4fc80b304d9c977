"""A scorer for tests."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from athwe.data import Batch


@dataclass(frozen=True)
class Scores:
    """What a function of a batch says, row by row."""

    of: Callable[[Batch], torch.Tensor]

    def encode(self, batch: Batch) -> torch.Tensor:
        return self.of(batch)

    def score(self, encoded: torch.Tensor) -> torch.Tensor:
        return encoded.clone()
