"""Baselines that count the training interactions: popularity, and what followed the last item (`BASELINES.md`)."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue, Dataset
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape


class Popularity(SequentialModel):
    """The score of an item is its number of training interactions: the same ranking for everyone."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__(config, shape)
        self.interactions = nn.Parameter(torch.zeros(shape.n_items), requires_grad=False)

    def count(self, dataset: Dataset) -> None:
        """Count targets of training, and each user's first interaction, which only ever is history."""
        self.interactions.data = torch.from_numpy(dataset.training_counts()).float().to(self.interactions.device)

    def item_tables(self, catalogue: Catalogue) -> Float[Tensor, "items 1"]:
        """The counts."""
        return self.interactions[:, None]

    def forward(self, batch: Batch, tables: Float[Tensor, "items 1"]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""
        return tables[:, 0].repeat(len(batch.length), 1)


class CoOccurrence(Popularity):
    """Items in the order of how often they followed the history's last item directly, then of popularity.

    Scores are ranks, so that float32 tells apart what the counts tell apart: an item that never followed has the rank
    of its popularity, one that did a rank above all those.
    """

    offset: Int[Tensor, " items_and_one"]
    """What followed item i stands at `[offset[i], offset[i + 1])`."""
    follower: Int[Tensor, " pairs"]
    rank: Float[Tensor, " pairs"]

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__(config, shape)
        self.register_buffer("offset", torch.zeros(shape.n_items + 1, dtype=torch.int64))
        self.register_buffer("follower", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("rank", torch.zeros(0))

    def count(self, dataset: Dataset) -> None:
        """Count pairs of neighbours: every target of training and the interaction before it."""
        super().count(dataset)
        target = dataset.positions("train")
        pairs = np.stack([dataset.item[target - 1], dataset.item[target]], axis=1)
        (last, follower), times = _unique_pairs(pairs)
        popularity = dataset.training_counts()[follower]
        order = np.lexsort((popularity, times, last))
        last, follower, times, popularity = (each[order] for each in (last, follower, times, popularity))
        offset = np.searchsorted(last, np.arange(dataset.n_items + 1))
        changed = np.ones(len(last), bool)
        changed[1:] = (np.diff(times) != 0) | (np.diff(popularity) != 0)
        changed[offset[:-1][offset[:-1] < len(last)]] = True
        dense = np.cumsum(changed)
        rank = dense - dense[offset[last]] + 1 + dataset.n_items
        for name, values in {"offset": offset, "follower": follower, "rank": rank.astype(np.float32)}.items():
            setattr(self, name, torch.from_numpy(values).to(self.interactions.device))

    def item_tables(self, catalogue: Catalogue) -> Float[Tensor, "items 1"]:
        """Ranks by popularity, 0 the least; what is equally popular has one rank."""
        return self.interactions.unique(return_inverse=True)[1][:, None].float()

    def forward(self, batch: Batch, tables: Float[Tensor, "items 1"]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""
        scores = super().forward(batch, tables)
        last = batch.item_sequence.gather(1, batch.length[:, None] - 1)[:, 0]
        start, count = self.offset[last], self.offset[last + 1] - self.offset[last]
        row = torch.arange(len(last), device=last.device).repeat_interleave(count)
        within = torch.arange(len(row), device=last.device) - (count.cumsum(0) - count)[row]
        index = start[row] + within
        scores[row, self.follower[index]] = self.rank[index]
        return scores

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """How many pairs there are is known from what is loaded."""
        for name in ("follower", "rank"):
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name], device=self.offset.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _unique_pairs(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pair (2, n) once, and how often it occurs."""
    unique, times = np.unique(pairs, axis=0, return_counts=True)
    return unique.T, times
