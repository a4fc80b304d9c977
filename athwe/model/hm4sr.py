"""HM4SR: Hierarchical Time-aware Mixture of Experts (WWW 2025; `BASELINES.md`, with its corrections)."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.moe import EXPERT_DEVIATION
from athwe.model.packed import Packed
from athwe.model.shape import ModelShape
from athwe.model.streams import StreamModel, Tokens

DAY_SECONDS = 86_400


class InteractiveExperts(nn.Module):
    """Dense experts over all streams; each stream adds what its own gate takes of them."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        count, hidden, modalities = config.start_expert_num, config.hidden_size, shape.modalities
        width = len(modalities) * hidden
        self.count = count
        self.experts = nn.Linear(width, count * width)
        self.gates = nn.ModuleList(nn.Linear(hidden, count) for _ in modalities)
        self.weight = nn.Parameter(torch.tensor([config.initial_weight(name) for name in modalities]))

    def forward(self, x: Float[Tensor, "tokens modalities hidden"]) -> Float[Tensor, "tokens modalities hidden"]:
        """`x_m + w_m Σ_e softmax(G_m x_m)_e (W_e z + b_e)[slice m]`."""
        mixed = self.experts(x.flatten(1)).unflatten(1, (self.count, *x.shape[1:]))
        gates = torch.stack([gate(x[:, index]).softmax(dim=-1) for index, gate in enumerate(self.gates)], dim=-1)
        added = (gates.to(mixed.dtype)[..., None] * mixed).sum(dim=1)
        return x + self.weight[:, None] * added


class TimeEmbeddings(nn.Module):
    """A row for the time gap on a logarithmic scale, beside waves of the days since training began."""

    frequency: Float[Tensor, " hidden"]

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.scale = config.interval_scale
        self.first_timestamp = shape.first_timestamp
        self.rows = nn.Embedding(int(self.row(torch.tensor(shape.longest_gap_seconds))) + 1, config.hidden_size)
        self.wave = nn.Linear(1, config.hidden_size)
        self.register_buffer("frequency", frequencies(config.hidden_size), persistent=False)

    def row(self, gap_seconds: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """`floor(interval_scale · log2(Δ + 1))`."""
        return (self.scale * torch.log2(gap_seconds.float() + 1)).long()

    def forward(self, packed: Packed) -> Float[Tensor, "tokens two_hidden"]:
        """[interval; absolute]. A gap longer than any of the training data has the last row."""
        gap_seconds = torch.where(packed.position > 0, packed.gap_seconds, 0)
        interval = self.rows(self.row(gap_seconds).clamp_max(self.rows.num_embeddings - 1))
        seconds = packed.timestamp - self.first_timestamp
        days = (seconds // DAY_SECONDS).float() + (seconds % DAY_SECONDS).float() / DAY_SECONDS
        # Written out, so that autocast leaves it alone: a phase in bf16 is off by days.
        phase = days[:, None] * self.wave.weight[:, 0] + self.wave.bias
        absolute = torch.cos(phase * self.frequency)
        return torch.cat([interval, absolute.to(interval.dtype)], dim=-1)


def frequencies(hidden_size: int) -> Float[Tensor, " hidden"]:
    """`10000^(−d/H)`.

    >>> frequencies(2)
    tensor([1.0000, 0.0100])
    """
    return 10_000.0 ** -(torch.arange(hidden_size) / hidden_size)


class TemporalExperts(nn.Module):
    """Vectors that scale the streams, mixed by the time embedding: `Σ_e p_e z ⊙ θ_e`."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        width = len(shape.modalities) * config.hidden_size
        self.router = nn.Linear(2 * config.hidden_size, config.temporal_expert_num)
        # Parameters: the published run kept them in a plain list, so they never trained.
        self.experts = nn.Parameter(EXPERT_DEVIATION * torch.randn(config.temporal_expert_num, width))

    def forward(self, time_embedding: Float[Tensor, "tokens two_hidden"]) -> Float[Tensor, "tokens width"]:
        """What the concatenated streams z are multiplied with."""
        return self.router(time_embedding).float().softmax(dim=-1) @ self.experts


class HM4SR(StreamModel):
    """Interactive and temporal mixture of experts; the score is the plain sum of the modalities' products."""

    parts: ClassVar[tuple[str, ...]] = ("item_contrast", "temporal_contrast", "attribute")
    time_width: ClassVar[int] = 2

    def add_mixers(self) -> None:
        """Both mixtures, in their order."""
        self.interactive = InteractiveExperts(self.config, self.shape)
        self.time = TimeEmbeddings(self.config, self.shape)
        self.temporal = TemporalExperts(self.config, self.shape)

    def tokens(self, packed: Packed, tables: Float[Tensor, "items modalities hidden"]) -> Tokens:
        """Embed and mix, first among the modalities, then by time."""
        z = self.interactive(self.streams(packed, tables)) * packed.valid[:, None, None]
        time_embedding = self.time(packed)
        return Tokens(z, time_embedding, z * self.temporal(time_embedding).to(z.dtype).view_as(z))
