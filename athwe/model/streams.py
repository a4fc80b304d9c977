"""What the models with a stream a modality share: embedding, encoders, score, and most losses (`MODEL.md`)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue
from athwe.model import losses
from athwe.model.cross_entropy import linear_cross_entropy
from athwe.model.embeddings import InputStreams, ItemTables
from athwe.model.encoder import SequenceEncoders
from athwe.model.packed import Packed
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape
from athwe.model.step import Step

_WEIGHED_BY: Mapping[str, tuple[str, ...]] = {
    "item_contrast": ("id_contrastive_weight",),
    "temporal_contrast": ("phcl_weight",),
    "attribute": ("attribute_weight",),
    "cluster": ("cluster_weight",),
    "expert_diversity": ("diversity_weight", "cosine_lambda"),
}
"""Loss parts, with the keys whose product weighs them."""


@dataclass(frozen=True)
class Tokens:
    """What the streams are right before the encoders."""

    z: Float[Tensor, "tokens modalities hidden"]
    """Input of the experts, zero at padding."""
    time_embedding: Float[Tensor, "tokens time"] | None
    """None where nothing sees time."""
    experts_output: Float[Tensor, "tokens modalities hidden"]


@dataclass(frozen=True)
class Encoded:
    """What the losses need of the histories."""

    user: Float[Tensor, "histories modalities hidden"]
    """h_m, the state at the last valid position."""
    augmented: Float[Tensor, "histories features hidden"]
    """h of the txt and img streams with placeholders; none of them where there is no temporal contrast."""
    z: Float[Tensor, "tokens modalities hidden"]
    """Input of the experts, for their diversity."""


class StreamModel(SequentialModel):
    """A causal encoder a modality; a subclass says what lies between embedding and encoders.

    As it is here it is the item stream of SASRec, once a modality.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    """Losses beside that of the next item that the model has, where the data has what they need."""
    time_width: ClassVar[int] = 1
    """Width of the time embedding, in hidden sizes."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__(config, shape)
        self.features = tuple(name for name in shape.modalities if name != "item")
        self.streams = InputStreams(config, shape)
        self.add_mixers()
        self.encoders = SequenceEncoders(config, len(shape.modalities))
        self.add_heads()
        self.apply(self.initialise)  # the rest keeps what it starts with, as published
        self.item_tables = ItemTables(config, shape)
        width = len(shape.modalities) * config.hidden_size
        self.attribute_head = nn.Linear(width, shape.n_attributes) if self.has("attribute") else None

    def add_mixers(self) -> None:
        """Make the modules between embedding and encoders."""

    def add_heads(self) -> None:
        """Make the modules behind the encoders, and those that losses need."""
        hidden = self.config.hidden_size
        self.placeholder = nn.ModuleDict(
            {name: nn.Linear(self.time_width * hidden, hidden) for name in self.features if self.has_temporal_contrast}
        )

    def tokens(self, packed: Packed, tables: Float[Tensor, "items modalities hidden"]) -> Tokens:
        """What enters the encoders; here the embedding as it is."""
        z = self.streams(packed, tables)
        return Tokens(z, None, z)

    def fusion_weights(self) -> Float[Tensor, " modalities"] | None:
        """Weight of each modality in the score; None for a plain sum."""
        return None

    def has(self, part: str) -> bool:
        """Whether a loss part acts: the model has it, the data what it needs, and its weight is above 0."""
        there = {
            "item_contrast": "item" in self.shape.modalities,
            "temporal_contrast": bool(self.features),
            "attribute": self.shape.n_attributes > 0,
        }
        return part in self.parts and there.get(part, True) and self._weight(part) > 0

    @property
    def has_temporal_contrast(self) -> bool:
        """Whether histories are encoded a second time, with placeholders."""
        return self.has("temporal_contrast")

    def _weight(self, part: str) -> float:
        return math.prod(getattr(self.config, key) for key in _WEIGHED_BY[part])

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of every loss part that acts: absent is what the data lacks or the configuration sets to 0."""
        return {"next_item": 1.0} | {part: self._weight(part) for part in self.parts if self.has(part)}

    def losses(self, step: Step, catalogue: Catalogue) -> dict[str, Float[Tensor, ""]]:
        """Every loss part, unweighted; their sum with `loss_weights` is what is minimised."""
        rows, tables = self._embed(step, catalogue)
        encoded = self.encode(step.histories, rows, step.placeholders)
        user, target = encoded.user, step.target
        parts = {"next_item": self._next_item(user, step, tables)}
        if self.has("item_contrast"):
            key = nn.functional.embedding(target, rows[:, 0])
            parts["item_contrast"] = losses.contrast(user[:, 0], key, target, self.config.temperature)
        if self.has_temporal_contrast:
            parts["temporal_contrast"] = self._temporal_contrast(user, encoded.augmented, target)
        if self.attribute_head is not None and catalogue.attributes is not None:
            logits = self.attribute_head(rows.flatten(1))
            parts["attribute"] = losses.attribute(logits, catalogue.attributes[step.items], step.counts)
        return parts | self.own_losses(step, catalogue, rows, encoded)

    def own_losses(self, step: Step, catalogue: Catalogue, rows: Tensor, encoded: Encoded) -> dict[str, Tensor]:
        """Loss parts that no other model has.

        Args:
            rows: (unique, M, H) embedding of the step's items.
        """
        return {}

    def encode(
        self,
        packed: Packed,
        tables: Float[Tensor, "items modalities hidden"],
        placeholders: Bool[Tensor, " tokens"] | None = None,
    ) -> Encoded:
        """The whole forward pass of packed histories.

        Args:
            placeholders: tokens to replace for the temporal contrast; without them it is not computed.
        """
        tokens = self.tokens(packed, tables)
        streams = list(tokens.experts_output.unbind(1))
        if self.placeholder and placeholders is not None:
            streams += self._with_placeholders(tokens, placeholders)  # txt and img are the last streams
        encoded = self.encoders(torch.stack(streams), packed).transpose(0, 1)
        count = len(self.shape.modalities)
        return Encoded(encoded[:, :count], encoded[:, count:], tokens.z)

    def score(
        self, user: Float[Tensor, "batch modalities hidden"], tables: Float[Tensor, "items modalities hidden"]
    ) -> Float[Tensor, "batch items"]:
        """Weighted sum over modalities of `h_m · E_mᵀ`, as one product."""
        return self._fused(user) @ tables.flatten(1).T

    def forward(self, batch: Batch, tables: Float[Tensor, "items modalities hidden"]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""
        return self.score(self.encode(Packed.of(batch), tables).user, tables)

    def modality_weights(self) -> dict[str, float]:
        """Share of each modality in the score."""
        weights, names = self.fusion_weights(), self.shape.modalities
        shares = [1 / len(names)] * len(names) if weights is None else weights.tolist()
        return dict(zip(names, shares, strict=True))

    def _fused(self, user: Tensor) -> Tensor:
        """All streams side by side, each with its weight: (B, M · H)."""
        weights = self.fusion_weights()
        return (user if weights is None else user * weights[:, None]).flatten(1)

    def _embed(self, step: Step, catalogue: Catalogue) -> tuple[Tensor, Tensor]:
        """Tables of the step's items, and those that the next item is chosen from."""
        if step.negatives is not None:
            rows = self.item_tables(catalogue, step.items)
            return rows, rows
        tables = self.item_tables(catalogue)
        return nn.functional.embedding(step.items, tables.flatten(1)).unflatten(-1, tables.shape[1:]), tables

    def _next_item(self, user: Tensor, step: Step, tables: Tensor) -> Tensor:
        table = tables.flatten(1)
        if step.negatives is not None:
            return losses.sampled_next_item(self._fused(user), table, step.target, step.negatives)
        return linear_cross_entropy(self._fused(user), table, step.items[step.target])

    def _with_placeholders(self, tokens: Tokens, placeholders: Tensor) -> list[Tensor]:
        """Expert outputs of txt and img (tokens, H), some replaced by the projected time embedding."""
        replaced = []
        for name in self.features:
            stream = tokens.experts_output[:, self.shape.modalities.index(name)]
            projected = self.placeholder[name](tokens.time_embedding).to(stream.dtype)
            replaced.append(torch.where(placeholders[:, None], projected, stream))
        return replaced

    def _temporal_contrast(self, user: Tensor, augmented: Tensor, target: Tensor) -> Tensor:
        each = [
            losses.contrast(
                user[:, self.shape.modalities.index(name)], augmented[:, index], target, self.config.phcl_temperature
            )
            for index, name in enumerate(self.features)
        ]
        return torch.stack(each).mean()


class SASRec(StreamModel):
    """The item stream alone, trained on the next item (`BASELINES.md`, SASRec)."""
