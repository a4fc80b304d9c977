"""Wavelet alignment: modalities exchange gated bands of their wavelet transforms (`MODEL.md`, forward step 2)."""

import functools
import warnings

import torch
from jaxtyping import Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.packed import Packed
from athwe.model.shape import ModelShape

WAVELET = "db4"
EXTENSION = "zero"


@functools.lru_cache(maxsize=256)
def wavelet_matrices(length: int, levels: int) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """The wavelet transform of a length and its inverse as two matrices, float32 on the CPU.

    Both transforms are linear, so pushing an identity through the library once gives all they will ever do.

    Returns:
        analysis (coefficients, length), synthesis (length, coefficients), and the sizes of the bands among
        the coefficients: the low one first, then the high ones from the finest to the coarsest.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pytorch_wavelets still imports pkg_resources
        from pytorch_wavelets import DWT1D, DWT1DInverse
    low, high = DWT1D(wave=WAVELET, J=levels, mode=EXTENSION)(torch.eye(length)[:, None])
    bands = [low, *high]
    sizes = tuple(band.shape[-1] for band in bands)
    analysis = torch.cat(bands, dim=-1)[:, 0].T
    unit_bands = [band[:, None] for band in torch.eye(sum(sizes)).split(sizes, dim=-1)]
    synthesis = DWT1DInverse(wave=WAVELET, mode=EXTENSION)((unit_bands[0], unit_bands[1:]))
    return analysis.contiguous(), synthesis[:, 0, :length].T.contiguous(), sizes


@functools.lru_cache(maxsize=256)
def _matrices_on(
    length: int, levels: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """`wavelet_matrices` where they are needed: a copy to a GPU in every step would make it wait."""
    analysis, synthesis, sizes = wavelet_matrices(length, levels)
    return analysis.to(device, dtype), synthesis.to(device, dtype), sizes


class WaveletAlignment(nn.Module):
    """`x_m + ω_m (IDWT(Σ_s σ(G_{m,s} c_s) ⊙ c_s) − x_m)`, one gate matrix per (band, target, source)."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        count, hidden = len(shape.modalities), config.hidden_size
        self.levels = config.wavelet_J
        self.gate = nn.Parameter(torch.empty(self.levels + 1, count, count, hidden, hidden))
        nn.init.normal_(self.gate, std=config.initializer_range)
        self.weight = nn.Parameter(torch.tensor([config.initial_weight(name) for name in shape.modalities]))

    def forward(
        self, x: Float[Tensor, "tokens modalities hidden"], packed: Packed
    ) -> Float[Tensor, "tokens modalities hidden"]:
        """Aligned streams, zero at padding."""
        gates = self.gate.permute(0, 2, 4, 1, 3).flatten(3)  # (bands, M, S, out, in) → (bands, S, in, M·out)
        y = self._compose([_fuse(*each) for each in zip(self._bands(x, packed), gates, strict=True)], packed)
        return torch.lerp(x, y.to(x.dtype), self.weight[:, None].to(x.dtype)) * packed.valid[:, None, None]

    @torch.no_grad()
    def gate_strength(self, x: Float[Tensor, "tokens modalities hidden"], packed: Packed) -> list[float]:
        """Mean of `σ(G c)` weighted by |c|, for the low band and then each level from the finest: 0.5 is untrained."""
        strengths = []
        for band, gate in zip(self._bands(x, packed), self.gate, strict=True):
            opened = torch.sigmoid(torch.einsum("csh,mskh->cmsk", band, gate))
            weight = band.abs()[:, None].expand_as(opened)
            strengths.append(float((opened * weight).sum() / weight.sum().clamp_min(1e-12)))
        return strengths

    def _bands(self, x: Tensor, packed: Packed) -> list[Tensor]:
        """The coefficients of each band (coefficients, sources, H), those of all histories behind each other."""
        by_block = []
        for block in packed.blocks(x):
            length, count = block.shape[:2]
            analysis, _, sizes = _matrices_on(length, self.levels, x.device, x.dtype)
            coefficients = (analysis @ block.flatten(1)).view(-1, *x.shape[1:])
            by_block.append(coefficients.split([size * count for size in sizes]))
        return [torch.cat(band) for band in zip(*by_block, strict=True)]

    def _compose(self, bands: list[Tensor], packed: Packed) -> Tensor:
        """Back from the bands of all histories to their tokens (tokens, targets, H)."""
        matrices = [_matrices_on(length, self.levels, self.gate.device, bands[0].dtype) for length, _ in packed.shapes]
        counts = [count for _, count in packed.shapes]
        by_band = [
            band.split([sizes[index] * count for (_, _, sizes), count in zip(matrices, counts, strict=True)])
            for index, band in enumerate(bands)
        ]
        blocks = []
        for (_, synthesis, _), *pieces in zip(matrices, *by_band, strict=True):
            coefficients = torch.cat(pieces)
            blocks.append((synthesis @ coefficients.view(synthesis.shape[1], -1)).view(-1, *coefficients.shape[1:]))
        return torch.cat(blocks)


def _fuse(
    band: Float[Tensor, "coefficients sources hidden"], gate: Float[Tensor, "sources hidden targets_hidden"]
) -> Float[Tensor, "coefficients targets hidden"]:
    """Sum over sources of what each gate lets through; σ(0)·0 = 0 keeps padding silent."""
    coefficient = band.transpose(0, 1)
    opened = (coefficient @ gate).sigmoid_().unflatten(-1, (-1, band.shape[-1]))
    return (opened * coefficient[:, :, None]).sum(dim=0)
