"""Draws the items that a sampled softmax is estimated from."""

import numpy as np
import torch

from athwe.data import Dataset
from athwe.model.step import Negatives

SMOOTHING_POWER = 0.75
"""Popular items are drawn more often, but less than in proportion; an item never seen in training counts once."""


class NegativeSampler:
    """Draws `count` items a step, with replacement, the same for every row."""

    def __init__(self, dataset: Dataset, count: int, generator: torch.Generator):
        frequency = np.bincount(dataset.item[dataset.positions("train")], minlength=dataset.n_items)
        weight = (frequency + 1.0) ** SMOOTHING_POWER
        weight[0] = 0  # padding is never drawn
        probability = torch.from_numpy(weight / weight.sum())
        self._count = count
        self._generator = generator
        self._cumulative = probability.cumsum(dim=0)
        self._log_expected = (count * probability).log().float()

    def draw(self) -> Negatives:
        """The next draw, in the numbers of the data set."""
        point = torch.rand(self._count, dtype=torch.float64, generator=self._generator) * self._cumulative[-1]
        item = torch.searchsorted(self._cumulative, point, right=True)
        return Negatives(item, self._log_expected[item])
