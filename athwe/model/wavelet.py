"""Wavelet alignment: modalities exchange gated bands of their wavelet transforms (`MODEL.md`, forward step 2)."""

import functools
import warnings

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from athwe.config import MODALITIES, ModelConfig
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
        by_name: dict[str, float] = dict(zip(MODALITIES, config.initializer_weight, strict=True))
        self.weight = nn.Parameter(torch.tensor([by_name[name] for name in shape.modalities]))

    def forward(
        self, x: Float[Tensor, "batch length modalities hidden"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length modalities hidden"]:
        """Aligned streams, zero at padding."""
        _, synthesis, _ = _matrices_on(x.shape[1], self.levels, x.device, x.dtype)
        fused = torch.cat([self._fuse(band, gate) for band, gate in self._bands(x)])
        y = (synthesis @ fused.flatten(1)).unflatten(1, (len(x), *x.shape[2:])).transpose(0, 1)
        return torch.lerp(x, y.to(x.dtype), self.weight[:, None].to(x.dtype)) * mask[:, :, None, None]

    @torch.no_grad()
    def gate_strength(self, x: Float[Tensor, "batch length modalities hidden"]) -> list[float]:
        """Mean of `σ(G c)` weighted by |c|, for the low band and then each level from the finest: 0.5 is untrained."""
        strengths = []
        for band, gate in self._bands(x):
            opened = torch.sigmoid(torch.einsum("btsh,mskh->btmsk", band, gate))
            weight = band.abs()[:, :, None].expand_as(opened)
            strengths.append(float((opened * weight).sum() / weight.sum().clamp_min(1e-12)))
        return strengths

    def _bands(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each band (size, B, sources, H) with its gates; positions lead, so that one product makes them all."""
        analysis, _, sizes = _matrices_on(x.shape[1], self.levels, x.device, x.dtype)
        coefficients = (analysis @ x.transpose(0, 1).flatten(1)).unflatten(1, (len(x), *x.shape[2:]))
        return list(zip(coefficients.split(sizes), self.gate, strict=True))

    @staticmethod
    def _fuse(
        band: Float[Tensor, "size batch sources hidden"], gate: Float[Tensor, "targets sources hidden hidden"]
    ) -> Float[Tensor, "size batch targets hidden"]:
        """Sum over sources of what each gate lets through; σ(0)·0 = 0 keeps padding silent."""
        coefficient = band.flatten(0, 1).transpose(0, 1)  # (T, B, S, H) → (S, T·B, H)
        product = coefficient @ gate.permute(1, 3, 0, 2).flatten(2)  # (M, S, out, in) → (S, in, M·out)
        passed = product.sigmoid_().unflatten(-1, (len(gate), -1)) * coefficient[:, :, None]
        return passed.sum(dim=0).unflatten(0, band.shape[:2])
