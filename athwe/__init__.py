"""ATHWE: a multi-modal sequential recommender. `athwe.load(checkpoint).recommend(history, timestamps, k)`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athwe.recommender import Recommender

__all__ = ["load"]


def load(checkpoint: "str | Path", device: str = "auto") -> "Recommender":
    """Load a trained model for use; the data set it was trained on is not needed.

    Args:
        checkpoint: a folder that a training run or a search wrote.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        CheckpointError: missing, damaged or of another format.
    """
    from athwe.recommender import Recommender  # here, so that `import athwe` alone does not load torch

    return Recommender.load(checkpoint, device)
