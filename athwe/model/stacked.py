"""Layers for several streams at once: each stream has its own weights, one product serves them all.

The modalities' encoders have the same shape, so they run as one batched product: about a sixth less CPU time a step on
`demo` in two alternating runs on a busy machine, a few percent on ml-100k. Not measured on a GPU.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class StackedLinear(nn.Module):
    """One Linear a stream."""

    def __init__(self, count: int, inputs: int, outputs: int, initializer_range: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, inputs, outputs) * initializer_range)
        self.bias = nn.Parameter(torch.zeros(count, 1, outputs))

    def forward(
        self, x: Float[Tensor, "streams batch length inputs"], streams: Int[Tensor, " streams"]
    ) -> Float[Tensor, "streams batch length outputs"]:
        """Row i of `x` goes through the weights of stream `streams[i]`; one may occur more than once."""
        product = torch.baddbmm(self.bias[streams].to(x.dtype), x.flatten(1, 2), self.weight[streams].to(x.dtype))
        return product.unflatten(1, x.shape[1:3])


class StackedLayerNorm(nn.Module):
    """One LayerNorm a stream."""

    def __init__(self, count: int, width: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(count, 1, 1, width))
        self.bias = nn.Parameter(torch.zeros(count, 1, 1, width))

    def forward(
        self, x: Float[Tensor, "streams batch length width"], streams: Int[Tensor, " streams"]
    ) -> Float[Tensor, "streams batch length width"]:
        """Row i of `x` is scaled and shifted by stream `streams[i]`."""
        normalised = nn.functional.layer_norm(x, x.shape[-1:], eps=self.epsilon)
        return torch.addcmul(self.bias[streams], normalised, self.weight[streams])
