"""Dropout that does not wait for the CPU's serial random generator."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

RESOLUTION = 256


class Dropout(nn.Module):
    """As `torch.nn.Dropout`; on the CPU one 64-bit draw decides over eight values instead of one.

    There the probability is rounded to 1/256, and what is kept is scaled to match exactly. Drawing was a third of a
    training step at the small budget.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not self.training or not self.probability:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        dropped = min(max(round(self.probability * RESOLUTION), 1), RESOLUTION - 1)
        draws = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
        return x * kept.to(x.dtype).mul_(RESOLUTION / (RESOLUTION - dropped))
