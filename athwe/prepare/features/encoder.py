"""What every encoder offers: prepared inputs in, rows out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from athwe.device import autocast
from athwe.errors import EncoderError
from athwe.prepare.features.weights import Weights

PRECISION = {"cuda": "fp16"}
"""Precision by kind of device, fp32 elsewhere: fp16 keeps three more bits than bf16, and what overflows runs again."""


class UnreadableInput(Exception):
    """One item's input that cannot be used, with the reason; the item gets a zero row."""


@runtime_checkable
class Encoder(Protocol):
    """A loaded encoder."""

    about: dict[str, Any]
    """What was decided on loading and encoding (pooling, limits) and by which libraries."""

    def prepare(self, source: Any) -> Any:
        """Ready one input, in a thread of its own; may raise `UnreadableInput`."""
        ...

    def encode(self, prepared: Sequence[Any]) -> Float32[np.ndarray, "n D"]:
        """Encode a batch of prepared inputs."""
        ...


@dataclass(frozen=True)
class Choice:
    """An encoder that was found and is not loaded: it is only needed if something is not encoded yet."""

    about: dict[str, Any]
    """Name, commit and hash of the weights, settings, precision: what it is known by before it is loaded."""
    identity: dict[str, Any]
    """What the rows depend on: rows of equal identity and equal input are the same."""
    load: Callable[[], Encoder]


def run_batch(forward: Callable[[], Tensor], device: torch.device) -> Float32[np.ndarray, "n D"]:
    """Run a forward pass without gradients in the device's precision, and again in fp32 where that overflowed.

    Raises:
        EncoderError: the GPU's memory does not hold the batch, or its features are not finite.
    """
    precision = precision_on(device)
    try:
        with torch.inference_mode(), autocast(device, precision):
            rows = forward().float()
        if not rows.isfinite().all() and precision != "fp32":
            with torch.inference_mode():
                rows = forward().float()
    except torch.OutOfMemoryError as error:
        raise EncoderError("the GPU's memory does not hold a batch; lower --feature-batch-size") from error
    if not rows.isfinite().all():
        raise EncoderError("the encoder gives NaN or infinite features; its weights are damaged or do not fit")
    return rows.cpu().numpy()


def known_by(weights: Weights, device: torch.device) -> dict[str, Any]:
    """The part of `Choice.about` that all encoders share."""
    return {
        "encoder": weights.name,
        "revision": weights.commit,
        "weights_sha256": weights.digest,
        "precision": precision_on(device),
    }


def precision_on(device: torch.device) -> str:
    """In which precision an encoder runs: fp16 on a GPU, whose rows are kept apart from fp32 ones."""
    return PRECISION.get(device.type, "fp32")
