"""Time gaps between consecutive interactions and their embedding (`MODEL.md`, forward step 3)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig

SPARE_ROWS = 10
"""Rows of the published table beyond the highest bucket."""


def time_gaps(
    timestamp: Int[Tensor, "batch length"], mask: Bool[Tensor, "batch length"]
) -> Int[Tensor, "batch length"]:
    """Seconds since the interaction before, never negative; 1 at the first, 0 at padding.

    Differences are taken in int64: float32 would lose up to 128 s at today's unix times.
    """
    gap_seconds = torch.ones_like(timestamp)
    gap_seconds[:, 1:] = (timestamp[:, 1:] - timestamp[:, :-1]).clamp_min(0)
    return gap_seconds * mask


def gap_buckets(gap_seconds: Int[Tensor, "*shape"], time_span: int, time_scale: float) -> Int[Tensor, "*shape"]:
    """Row `round(a · (1 − exp(−Δ / |k|)))` of the time gap table: fine for short gaps, saturating for long ones."""
    return (time_span * -torch.expm1(-gap_seconds.float() / abs(time_scale))).round().long()


class TimeGapEmbedding(nn.Module):
    """A learned row per time gap bucket."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.time_span = config.time_span
        self.time_scale = config.time_scale
        self.table = nn.Embedding(config.time_span + SPARE_ROWS, config.hidden_size)

    def buckets(self, gap_seconds: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Rows of the table that gaps in seconds fall into."""
        return gap_buckets(gap_seconds, self.time_span, self.time_scale)

    def forward(self, gap_seconds: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape hidden"]:
        return self.table(self.buckets(gap_seconds))
