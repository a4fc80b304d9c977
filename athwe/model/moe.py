"""Mixture of experts routed by time (`MODEL.md`, forward steps 4 and 5)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.dropout import Dropout

EXPERT_DEVIATION = 0.1
"""Standard deviation of initial experts."""


class TimeRouter(nn.Module):
    """Weights of the routed experts, from the time gap embedding alone."""

    def __init__(self, config: ModelConfig, width: int):
        super().__init__()
        self.topk = config.moe_topk
        self.hidden = nn.Linear(config.hidden_size, width)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.gate = nn.Linear(width, config.routed_expert_nums)

    def forward(self, time_embedding: Float[Tensor, "*tokens hidden"]) -> Float[Tensor, "*tokens experts"]:
        """Softmax over experts, all but the `moe_topk` largest set to zero, the rest summing to 1."""
        logits = self.gate(self.dropout(torch.relu(self.hidden(time_embedding))))
        probability = logits.float().softmax(dim=-1)
        kept, index = probability.topk(self.topk, dim=-1)
        weights = kept / kept.sum(dim=-1, keepdim=True)
        return torch.zeros_like(probability).scatter(-1, index, weights)


class TimeAwareExperts(nn.Module):
    """`z ⊙ (Σ_shared θ_s + W Θ)`: experts are learned vectors, so mixing them is one small product.

    They are parameters: the published code kept them in a plain list, never trained and never saved.
    """

    def __init__(self, config: ModelConfig, width: int):
        super().__init__()
        self.shared = _initial_experts(config.shared_expert_nums, width, config.expert_initial_mean)
        self.routed = _initial_experts(config.routed_expert_nums, width, config.expert_initial_mean)
        self.router = TimeRouter(config, width) if config.routed_expert_nums else None
        self.residual = float(config.expert_residual)

    def forward(self, time_embedding: Float[Tensor, "*tokens hidden"]) -> Float[Tensor, "*tokens width"]:
        """What the concatenated streams z of every token are multiplied with: `Σ_shared θ_s + W Θ`.

        With `expert_residual` 1 is added.
        """
        scale = (self.residual + self.shared.sum(dim=0)).expand(*time_embedding.shape[:-1], -1)
        if self.router is not None:
            scale = scale + self.router(time_embedding) @ self.routed
        return scale


def _initial_experts(count: int, width: int, mean: float) -> nn.Parameter:
    return nn.Parameter(mean + EXPERT_DEVIATION * torch.randn(count, width))
