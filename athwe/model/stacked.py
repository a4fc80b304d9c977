"""Layers for several streams at once: each stream has its own weights, one product serves them all.

Streams beyond those with weights are the last ones once more, as the temporal contrast encodes text and images twice.
The modalities' encoders have the same shape, so they run as one batched product: about a sixth less CPU time a step on
`demo` in two alternating runs on a busy machine, a few percent on ml-100k. Not measured on a GPU.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class StackedLinear(nn.Module):
    """One Linear a stream."""

    def __init__(self, count: int, inputs: int, outputs: int, initializer_range: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, inputs, outputs) * initializer_range)
        self.bias = nn.Parameter(torch.zeros(count, 1, outputs))

    def forward(self, x: Float[Tensor, "streams tokens inputs"]) -> Float[Tensor, "streams tokens outputs"]:
        """Each stream through its own weights."""
        bias, weight = (_for_streams(values, len(x)).to(x.dtype) for values in (self.bias, self.weight))
        return torch.baddbmm(bias, x, weight)


class StackedLayerNorm(nn.Module):
    """One LayerNorm a stream."""

    def __init__(self, count: int, width: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(count, 1, 1, width))
        self.bias = nn.Parameter(torch.zeros(count, 1, 1, width))

    def forward(self, x: Float[Tensor, "streams tokens width"]) -> Float[Tensor, "streams tokens width"]:
        """Each stream scaled and shifted by its own weights."""
        normalised = nn.functional.layer_norm(x, x.shape[-1:], eps=self.epsilon)
        bias, weight = (_for_streams(values[:, 0], len(x)) for values in (self.bias, self.weight))
        return torch.addcmul(bias, normalised, weight)


def _for_streams(values: Tensor, count: int) -> Tensor:
    """The values of `count` streams: where there are more than have values, the last ones come a second time."""
    again = count - len(values)
    return torch.cat([values, values[-again:]]) if again else values
