"""Pictures to rows: CLIP's projection, or the pooled features of any vision model that transformers knows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from athwe.prepare.features.efficientnet_lite import (
    EFFICIENTNETS,
    INSTALL_LITE,
    EfficientNetEncoder,
    efficientnet_weights,
)
from athwe.prepare.features.encoder import Choice, known_by, run_batch
from athwe.prepare.features.loading import library_versions, loading, refuse_missing, require, require_installed
from athwe.prepare.features.pictures import open_picture
from athwe.prepare.features.weights import find_weights

VERSION = 1
"""Raise it when pictures are encoded in another way, so that rows encoded before are not taken any more."""


def choose_image_encoder(name: str, device: torch.device) -> Choice:
    """Find an image encoder without loading it.

    Raises:
        EncoderError: no such encoder.
    """
    packaged = name in EFFICIENTNETS
    weights = efficientnet_weights(name) if packaged else find_weights(name)
    if packaged:
        require_installed("efficientnet_lite_pytorch", INSTALL_LITE)
    else:
        require_installed("transformers")
    about = known_by(weights, device)
    identity = {"of": "image", "version": VERSION, **{key: about[key] for key in ("weights_sha256", "precision")}}

    def load() -> EfficientNetEncoder | VisionEncoder:
        with loading(name):
            return (EfficientNetEncoder if packaged else VisionEncoder)(name, weights.folder, device)

    return Choice(about, identity, load)


class VisionEncoder:
    """A transformers vision model, fed by the preprocessing its folder describes.

    Pooling is what the model was trained for: the projection of a text-and-image model (CLIP, SigLIP), else its trained
    pooler; the [CLS] token where the checkpoint has none, the mean over places where there are no tokens.
    """

    def __init__(self, name: str, folder: Path, device: torch.device):
        library = require("transformers")
        safe = {"trust_remote_code": False, "local_files_only": True}
        # The PIL form needs no torchvision, and gives the same on every machine.
        self.processor = library.AutoImageProcessor.from_pretrained(folder, backend="pil", **safe)
        model, info = library.AutoModel.from_pretrained(
            folder, dtype=torch.float32, weights_only=True, output_loading_info=True, **safe
        )
        self.has_pooler = refuse_missing(name, info["missing_keys"])
        self.model = model.eval().to(device)
        self.device = device
        self.projects = hasattr(model, "get_image_features")
        self.about: dict[str, Any] = {"libraries": library_versions("torch", "transformers", "pillow")}

    def prepare(self, source: Path) -> Tensor:
        """Decode, resize, crop and normalise one picture: (channels, height, width)."""
        picture = open_picture(source)  # said to be channels last: in one of 3 pixels' height that cannot be told
        return self.processor(images=picture, input_data_format="channels_last", return_tensors="pt")["pixel_values"][0]

    def encode(self, prepared: Sequence[Tensor]) -> Float32[np.ndarray, "n D"]:
        """Encode a batch of prepared pictures."""
        pixels = torch.stack(list(prepared)).to(self.device)
        return run_batch(lambda: self._forward(pixels), self.device)

    def _forward(self, pixels: Tensor) -> Tensor:
        output = (self.model.get_image_features if self.projects else self.model)(pixel_values=pixels)
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None and (self.has_pooler or self.projects):
            self.about["pooling"] = "projection" if self.projects else "pooler"
            return pooled.flatten(1)  # convolutional models pool to (n, D, 1, 1)
        hidden = output.last_hidden_state
        self.about["pooling"] = "cls" if hidden.ndim == 3 else "mean"
        return hidden[:, 0] if hidden.ndim == 3 else hidden.mean((2, 3))
