"""The popularity baseline (`BASELINES.md`): the score of an item is its number of training interactions."""

import torch
from jaxtyping import Float
from torch import Tensor

from athwe.data import Batch, Dataset


class Popularity:
    """A scorer without parameters: the same ranking for everyone."""

    def __init__(self, dataset: Dataset):
        """Count the targets of training and each user's first interaction, which only ever is history."""
        self.count = torch.from_numpy(dataset.training_counts()).float()

    def __call__(self, batch: Batch) -> Float[Tensor, "batch items"]:
        return self.count.repeat(len(batch.target), 1)
