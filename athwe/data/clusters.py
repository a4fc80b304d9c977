"""Cluster labels of item features: whiten the leading principal components, then K-medoids (`MODEL.md`)."""

import logging

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from athwe.config import DataConfig
from athwe.data.cache import Arrays, cached
from athwe.data.medoids import choose_method, medoid_labels
from athwe.errors import ConfigError

logger = logging.getLogger(__name__)

VERSION = 1
"""Raise it when the computation changes, so that older arrays are not found any more."""
SMALLEST_VARIANCE = 1e-5
LARGE_SHARE = 1 / 3


def cluster_labels(
    features: Float32[np.ndarray, "N D"], digest: str, name: str, config: DataConfig, seed: int
) -> Int64[np.ndarray, " N"]:
    """A label in 0..n_clusters-1 for each item with features, -1 for the padding row and for all-zero rows.

    Computed once for the same features, settings, seed and method, then read from the cache. What is whitened is kept
    too: another number of clusters or another seed costs K-medoids only.

    Args:
        digest: the `array_digest` of the features, which are only looked at where the cache does not know it.
        name: the modality, for messages.

    Raises:
        ConfigError: more clusters than items with features.
    """
    method = choose_method(config.cluster_method)
    whitened = {"version": VERSION, "features": digest, "components": config.cluster_components}
    made_from = whitened | {"n_clusters": config.n_clusters, "seed": seed, "method": method}

    def build() -> Arrays:
        known = cached("whitened", whitened, lambda: _whitened(features, config.cluster_components))
        if config.n_clusters > len(known["points"]):
            raise ConfigError(
                f"n_clusters {config.n_clusters} is above the {len(known['points'])} items that have {name} features; "
                "lower n_clusters"
            )
        labels = np.full(len(features), -1, dtype=np.int64)
        labels[known["row"]] = medoid_labels(known["points"], config.n_clusters, method, seed)
        return {"labels": labels}

    labels = cached("clusters", made_from, build)["labels"]
    _report(labels[labels >= 0], name, method)
    return labels


def whiten(points: Float64[np.ndarray, "n D"], components: int | None) -> Float64[np.ndarray, "n C"]:
    """Centred points on their leading principal components, each divided by its standard deviation.

    Without the rotation back that full ZCA ends with: K-medoids sees distances only, which it does not change.
    torch computes it, so that `torch.set_num_threads` counts.

    Args:
        components: how many to keep; None keeps all.
    """
    tensor = torch.from_numpy(points)
    centred = tensor - tensor.mean(dim=0)
    variance, direction = torch.linalg.eigh(centred.T @ centred / len(points))  # ascending
    leading = slice(None) if components is None else slice(-components, None)
    scale = variance[leading].clamp(min=SMALLEST_VARIANCE).sqrt()
    return (centred @ direction[:, leading] / scale).numpy()


def _whitened(features: Float32[np.ndarray, "N D"], components: int | None) -> Arrays:
    """Rows of the items with features, and their whitened features."""
    described = features.any(axis=1)
    described[0] = False
    row = np.flatnonzero(described)
    return {"row": row, "points": whiten(features[row].astype(np.float64), components) if len(row) else features[:0]}


def _report(labels: Int64[np.ndarray, " n"], name: str, method: str) -> None:
    share = np.bincount(labels).max() / len(labels)
    message = "the largest %s cluster holds %.0f %% of %d items (%s)"
    level = logging.WARNING if share > LARGE_SHARE else logging.INFO
    logger.log(level, message, name, 100 * share, len(labels), method)
