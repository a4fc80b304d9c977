"""What a trained model has learned, as plain numbers for a chart."""

import resource
import sys
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from athwe.data import Dataset
from athwe.model.athwe import ATHWE
from athwe.model.packed import Packed
from athwe.model.sequential import SequentialModel

SAMPLE_USERS = 512
"""Validation histories looked at."""
GAP_EDGES_SECONDS = {
    "under a minute": 60,
    "under an hour": 3_600,
    "under a day": 86_400,
    "under a week": 7 * 86_400,
    "under a month": 30 * 86_400,
    "under a year": 365 * 86_400,
    "longer": 2**62,
}
"""Upper ends of the ranges of time gaps that expert use is shown for."""


@torch.no_grad()
def diagnose(model: SequentialModel, tables: torch.Tensor, dataset: Dataset, device: torch.device) -> dict:
    """Look at a model in evaluation mode over the first validation histories.

    Returns:
        JSON-able: `modality_weights`, `parameters`, `peak_memory_bytes` of the process (or of the GPU), and as far as
        the model has the part `gate_strength` by band, `expert_use` by range of time gaps, `time_saturation`.
    """
    found: dict[str, Any] = {
        "modality_weights": model.modality_weights(),
        "parameters": model.parameter_count,
        "peak_memory_bytes": _peak_memory_bytes(device),
    }
    if isinstance(model, ATHWE):
        positions = dataset.positions("valid")[:SAMPLE_USERS]
        found |= _parts_of(model, tables, Packed.of(dataset.batch(positions).to(device)))
    return found


def _parts_of(model: ATHWE, tables: Float[torch.Tensor, "items modalities hidden"], packed: Packed) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if model.alignment is not None:
        names = ["low", *(f"level {level}" for level in range(1, model.config.wavelet_J + 1))]
        strength = model.alignment.gate_strength(model.streams(packed, tables), packed)
        found["gate_strength"] = dict(zip(names, strength, strict=True))
    if model.time_gap is not None:  # the first of a history has no gap
        gap_seconds = packed.gap_seconds[packed.valid & (packed.position > 0)]
        saturated = model.time_gap.buckets(gap_seconds) >= model.config.time_span
        found["time_saturation"] = float(saturated.float().mean()) if len(gap_seconds) else 0.0
        if model.experts is not None and model.experts.router is not None and len(gap_seconds):
            found["expert_use"] = _expert_use(model.experts.router(model.time_gap(gap_seconds)), gap_seconds)
    return found


def _expert_use(
    routing: Float[torch.Tensor, "gaps experts"], gap_seconds: Int[torch.Tensor, " gaps"]
) -> dict[str, list[float]]:
    """Mean routing weight of every expert over the tokens whose gap falls in each range that occurs."""
    group = np.searchsorted(list(GAP_EDGES_SECONDS.values()), gap_seconds.cpu().numpy(), side="right")
    names = list(GAP_EDGES_SECONDS)
    return {names[index]: routing.cpu().numpy()[group == index].mean(axis=0).tolist() for index in np.unique(group)}


def _peak_memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
