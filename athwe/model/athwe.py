"""ATHWE: the parts put together (`MODEL.md`, Forward and Losses)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue
from athwe.model import losses
from athwe.model.cross_entropy import linear_cross_entropy
from athwe.model.embeddings import InputStreams, ItemTables
from athwe.model.encoder import SequenceEncoders
from athwe.model.moe import TimeAwareExperts
from athwe.model.packed import Packed
from athwe.model.shape import ModelShape
from athwe.model.step import Step
from athwe.model.time_gaps import TimeGapEmbedding
from athwe.model.wavelet import WaveletAlignment


@dataclass(frozen=True)
class Tokens:
    """What the streams are right before the encoders."""

    z: Float[Tensor, "tokens modalities hidden"]
    """Input of the experts, zero at padding."""
    time_embedding: Float[Tensor, "tokens hidden"] | None
    """None where there are no experts and no temporal contrast."""
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


class ATHWE(nn.Module):
    """Adaptive Time-aware Hierarchical Wavelet Expert.

    Every method takes the items' features as a `Catalogue` or as `tables` made from it once (`item_tables`), so a
    checkpoint holds what was learned and nothing else.
    """

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.config = config
        self.shape = shape
        modalities, width = shape.modalities, len(shape.modalities) * config.hidden_size
        self.features = tuple(name for name in modalities if name != "item")
        has_experts = bool(config.routed_expert_nums or config.shared_expert_nums)
        has_temporal_contrast = bool(self.features) and config.phcl_weight > 0
        has_clusters = config.cluster_weight > 0
        has_attributes = shape.n_attributes > 0 and config.attribute_weight > 0

        self.streams = InputStreams(config, shape)
        self.alignment = WaveletAlignment(config, shape) if config.wavelet_J else None
        self.time_gap = TimeGapEmbedding(config) if has_experts or has_temporal_contrast else None
        self.experts = TimeAwareExperts(config, width) if has_experts else None
        self.encoders = SequenceEncoders(config, len(modalities))
        self.fusion = nn.Parameter(torch.ones(len(modalities)))
        self.placeholder = nn.ModuleDict(
            {name: nn.Linear(config.hidden_size, config.hidden_size) for name in self.features if has_temporal_contrast}
        )
        self.cluster_head = nn.ModuleDict(
            {name: nn.Linear(config.hidden_size, count) for name, count in shape.n_clusters.items() if has_clusters}
        )
        self.apply(self._initialise)  # the rest keeps what it starts with, as published
        self.item_tables = ItemTables(config, shape)
        self.attribute_head = nn.Linear(width, shape.n_attributes) if has_attributes else None

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of every loss part that acts: absent is what the data lacks or the configuration sets to 0."""
        config = self.config
        weights = {"next_item": 1.0}
        if "item" in self.shape.modalities:
            weights["item_contrast"] = config.id_contrastive_weight
        if self.placeholder:
            weights["temporal_contrast"] = config.phcl_weight
        if self.attribute_head is not None:
            weights["attribute"] = config.attribute_weight
        if self.cluster_head:
            weights["cluster"] = config.cluster_weight
        if config.routed_expert_nums > 1:
            weights["expert_diversity"] = config.diversity_weight * config.cosine_lambda
        return {name: weight for name, weight in weights.items() if weight > 0}

    def losses(self, step: Step, catalogue: Catalogue) -> dict[str, Float[Tensor, ""]]:
        """Every loss part, unweighted; their sum with `loss_weights` is what is minimised."""
        weights = self.loss_weights
        rows, tables = self._embed(step, catalogue)
        encoded = self.encode(step.histories, rows, step.placeholders)
        user, target = encoded.user, step.target
        parts = {"next_item": self._next_item(user, step, tables)}
        if "item_contrast" in weights:
            key = nn.functional.embedding(target, rows[:, 0])
            parts["item_contrast"] = losses.contrast(user[:, 0], key, target, self.config.temperature)
        if "temporal_contrast" in weights:
            parts["temporal_contrast"] = self._temporal_contrast(user, encoded.augmented, target)
        parts |= self._item_losses(step, catalogue, rows, weights)
        if "expert_diversity" in weights and self.experts is not None:
            squared = encoded.z.float().flatten(1).square().sum(dim=0)
            parts["expert_diversity"] = losses.expert_diversity(squared, self.experts.routed)
        return parts

    def tokens(self, packed: Packed, tables: Float[Tensor, "items modalities hidden"]) -> Tokens:
        """Embed, align and mix: forward steps 1 to 5."""
        z = self.streams(packed, tables)
        if self.alignment is not None:
            z = self.alignment(z, packed)
        if self.time_gap is None:
            return Tokens(z, None, z)
        bucket = self.time_gap.buckets(packed.gap_seconds)
        time_embedding = self.time_gap.table(bucket)
        return Tokens(z, time_embedding, self._mix(z, bucket, time_embedding))

    def _mix(self, z: Tensor, bucket: Tensor, time_embedding: Tensor) -> Tensor:
        """Each token times its experts' scale, which without dropout is the same for all tokens of a bucket."""
        if self.experts is None or self.time_gap is None:
            return z
        if self.training:
            scale = self.experts(time_embedding)
        else:
            scale = nn.functional.embedding(bucket, self.experts(self.time_gap.table.weight))
        return z * scale.to(z.dtype).view_as(z)

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
        """`softmax(φ)`-weighted sum over modalities of `h_m · E_mᵀ`, as one product."""
        return self._fused(user) @ tables.flatten(1).T

    def forward(self, batch: Batch, tables: Float[Tensor, "items modalities hidden"]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""
        return self.score(self.encode(Packed.of(batch), tables).user, tables)

    def predict(self, batch: Batch, tables: Float[Tensor, "items modalities hidden"]) -> Float[Tensor, " batch"]:
        """Score of each row's own target."""
        return self(batch, tables).gather(1, batch.target[:, None])[:, 0]

    def _fused(self, user: Tensor) -> Tensor:
        """All streams side by side, each with its weight: (B, M · H)."""
        return (user * self.fusion.softmax(dim=0)[:, None]).flatten(1)

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
        """Expert outputs of txt and img (tokens, H), some replaced by the projected time gap embedding."""
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

    def _item_losses(
        self, step: Step, catalogue: Catalogue, rows: Tensor, weights: dict[str, float]
    ) -> dict[str, Tensor]:
        """Losses that depend on which items occur, not on where: over unique items with their counts."""
        parts = {}
        if "attribute" in weights and self.attribute_head is not None and catalogue.attributes is not None:
            logits = self.attribute_head(rows.flatten(1))
            parts["attribute"] = losses.attribute(logits, catalogue.attributes[step.items], step.counts)
        if "cluster" in weights:
            each = [
                losses.cluster(
                    head(rows[:, self.shape.modalities.index(name)]), catalogue.clusters[name][step.items], step.counts
                )
                for name, head in self.cluster_head.items()
            ]
            parts["cluster"] = torch.stack(each).mean()
        return parts
