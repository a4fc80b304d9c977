"""What a model needs to know of the items, as tensors."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from athwe.config import Config
from athwe.data.clusters import cluster_labels
from athwe.data.dataset import Dataset


@dataclass(frozen=True)
class Catalogue:
    """Features, categories and cluster labels of N items, row 0 the padding."""

    n_items: int
    features: dict[str, Float[Tensor, "N _"]]
    """Of the modalities in use but `item`, fp32 or autocast's type; row 0 and items without features are zero."""
    attributes: Float32[Tensor, "N A"] | None
    """Multi-hot categories; row 0 is zero."""
    clusters: dict[str, Int64[Tensor, " N"]]
    """A label of each modality with features; -1 where an item has none. Empty where no loss wants them."""

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Catalogue":
        """The same catalogue on `device`, its features as `dtype`: what autocast would make of them in every step."""
        return Catalogue(
            n_items=self.n_items,
            features={name: tensor.to(device, dtype) for name, tensor in self.features.items()},
            attributes=None if self.attributes is None else self.attributes.to(device),
            clusters={name: tensor.to(device) for name, tensor in self.clusters.items()},
        )


def build_catalogue(dataset: Dataset, config: Config) -> Catalogue:
    """Tensors of a data set's items, on the data set's own memory; cluster labels come from the cache or are computed.

    Raises:
        ConfigError: more clusters than items with features.
    """
    return Catalogue(
        n_items=dataset.n_items,
        features={name: _shared(array) for name, array in dataset.features.items()},
        attributes=None if dataset.attributes is None else _shared(dataset.attributes),
        clusters={
            name: _shared(cluster_labels(array, dataset.feature_digests[name], name, config, config.seed))
            for name, array in dataset.features.items()
            if config.wants_clusters
        },
    )


def _shared(array: np.ndarray) -> Tensor:
    """A tensor on the array's memory, which may be read-only and shared between processes.

    torch cannot mark a tensor read-only and warns. Nobody writes: features, categories and labels are frozen inputs, no
    parameters; layers and losses index or multiply them into new tensors.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)
