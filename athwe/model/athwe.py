"""ATHWE: the parts put together (`MODEL.md`, Forward and Losses)."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from athwe.data import Catalogue
from athwe.model import losses
from athwe.model.moe import TimeAwareExperts
from athwe.model.packed import Packed
from athwe.model.step import Step
from athwe.model.streams import Encoded, StreamModel, Tokens
from athwe.model.time_gaps import TimeGapEmbedding
from athwe.model.wavelet import WaveletAlignment


class ATHWE(StreamModel):
    """Adaptive Time-aware Hierarchical Wavelet Expert."""

    parts: ClassVar[tuple[str, ...]] = (
        "item_contrast",
        "temporal_contrast",
        "attribute",
        "cluster",
        "expert_diversity",
    )

    def add_mixers(self) -> None:
        """Wavelet alignment, and experts routed by time gaps."""
        config, modalities = self.config, self.shape.modalities
        has_experts = bool(config.routed_expert_nums or config.shared_expert_nums)
        self.alignment = WaveletAlignment(config, self.shape) if config.wavelet_J else None
        self.time_gap = TimeGapEmbedding(config) if has_experts or self.has_temporal_contrast else None
        self.experts = TimeAwareExperts(config, len(modalities) * config.hidden_size) if has_experts else None

    def add_heads(self) -> None:
        """Weights of the modalities, placeholders, and heads that predict cluster labels."""
        self.fusion = nn.Parameter(torch.ones(len(self.shape.modalities)))
        super().add_heads()
        hidden = self.config.hidden_size
        self.cluster_head = nn.ModuleDict(
            {name: nn.Linear(hidden, count) for name, count in self.shape.n_clusters.items() if self.has("cluster")}
        )

    def has(self, part: str) -> bool:
        """Whether a loss part acts."""
        there = {"cluster": bool(self.shape.n_clusters), "expert_diversity": self.config.routed_expert_nums > 1}
        return there.get(part, True) and super().has(part)

    def fusion_weights(self) -> Float[Tensor, " modalities"]:
        """`softmax(φ)`."""
        return self.fusion.softmax(dim=0)

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

    def own_losses(self, step: Step, catalogue: Catalogue, rows: Tensor, encoded: Encoded) -> dict[str, Tensor]:
        """Cluster labels over unique items with their counts, and the diversity of the experts."""
        parts = {}
        if self.cluster_head:
            each = [
                losses.cluster(
                    head(rows[:, self.shape.modalities.index(name)]), catalogue.clusters[name][step.items], step.counts
                )
                for name, head in self.cluster_head.items()
            ]
            parts["cluster"] = torch.stack(each).mean()
        if self.experts is not None and self.has("expert_diversity"):
            squared = encoded.z.float().flatten(1).square().sum(dim=0)
            parts["expert_diversity"] = losses.expert_diversity(squared, self.experts.routed)
        return parts
