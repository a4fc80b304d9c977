"""The popularity baseline (`BASELINES.md`): the score of an item is its number of training interactions."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from athwe.data import Batch, Dataset


class Popularity:
    """A scorer without parameters: the same ranking for everyone."""

    def __init__(self, dataset: Dataset):
        """Count the targets of training and each user's first interaction, which only ever is history."""
        firsts = dataset.item[dataset.user_offset[1:-1]]
        items = torch.cat([torch.as_tensor(dataset.item[dataset.positions("train")]), torch.as_tensor(firsts)])
        self.count = items.bincount(minlength=dataset.n_items).float()

    def encode(self, batch: Batch) -> Int[Tensor, " batch"]:
        """Nothing of a row matters but that it is there."""
        return batch.length

    def score(self, encoded: Int[Tensor, " rows"]) -> Float[Tensor, "rows items"]:
        """The same counts for every row."""
        return self.count.repeat(len(encoded), 1)
