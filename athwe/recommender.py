"""Recommend with a trained model, in external item ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from athwe.config import ModelConfig
from athwe.data import Batch
from athwe.device import resolve_device
from athwe.errors import CheckpointError, DataError
from athwe.model.registry import build_model
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape
from athwe.training.checkpoint import MODEL, read_checkpoint


class Recommender:
    """A model, its items' tables and their external ids; needs no data set."""

    def __init__(self, model: SequentialModel, tables: Tensor, facts: dict[str, Any]):
        self.model = model.eval()
        self.tables = tables
        self.facts = facts
        """What the checkpoint says of itself: config, shape, dataset, best_epoch, best_value."""
        self.item_tokens: list[str] = facts["item_tokens"]
        self._item_of_token = {token: item for item, token in enumerate(self.item_tokens)}

    @classmethod
    def load(cls, checkpoint: str | Path, device: str = "auto") -> "Recommender":
        """Read a checkpoint folder.

        Raises:
            CheckpointError: missing, damaged or of another format.
        """
        tensors, facts = read_checkpoint(Path(checkpoint), MODEL)
        target = resolve_device(device)
        try:
            fields = {name: value for name, value in facts["config"].items() if name in ModelConfig.model_fields}
            model = build_model(ModelConfig.model_validate(fields), ModelShape.from_json(facts["shape"]))
            weights = {name.removeprefix("weight."): value for name, value in tensors.items() if name != "tables"}
            model.load_state_dict(weights)
            return cls(model.to(target), tensors["tables"].to(target), facts)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"checkpoint {checkpoint} does not fit together: {error}") from None

    def recommend(
        self, history: Sequence[str], timestamps: Sequence[int], k: int = 10, mask_seen: bool = False
    ) -> list[str]:
        """The k items most likely to come next, best first.

        Args:
            history: external ids of the items interacted with.
            timestamps: unix seconds of each, in any order.
            mask_seen: leave the history out.

        Raises:
            DataError: nothing in the history, different lengths, an unknown item, or k out of range.
        """
        scores = self.score(history, timestamps)
        if mask_seen:
            scores[[self._item_of_token[str(token)] for token in history]] = -np.inf
        available = int(np.isfinite(scores).sum())
        if not 1 <= k <= available:
            raise DataError(f"expected k from 1 to {available}, the number of items to choose from, got {k}")
        return [self.item_tokens[item] for item in np.argsort(-scores, kind="stable")[:k]]

    def score(self, history: Sequence[str], timestamps: Sequence[int]) -> np.ndarray:
        """Scores (N,) float32 by internal id; the padding item has −inf. Arguments and errors as in `recommend`."""
        with torch.no_grad():
            scores = self.model(self._batch(history, timestamps).to(self.tables.device), self.tables)[0]
        scores[0] = -torch.inf
        return scores.float().cpu().numpy()

    def _batch(self, history: Sequence[str], timestamps: Sequence[int]) -> Batch:
        if not len(history) or len(history) != len(timestamps):
            raise DataError(
                "expected a history of at least one item and as many timestamps, "
                f"got {len(history)} items and {len(timestamps)} timestamps"
            )
        unknown = [token for token in history if str(token) not in self._item_of_token or str(token) == "[PAD]"]
        if unknown:
            raise DataError(f"items {unknown[:3]} of the history are not among the {len(self.item_tokens) - 1} known")
        seconds = np.asarray(timestamps, dtype=np.int64)
        latest = np.argsort(seconds, kind="stable")[-self.model.shape.max_length :]
        items = np.array([self._item_of_token[str(history[index])] for index in latest], dtype=np.int64)
        return Batch(
            item_sequence=torch.from_numpy(items)[None],
            timestamp=torch.from_numpy(seconds[latest])[None],
            length=torch.tensor([len(latest)]),
            target=torch.tensor([0]),
        )
