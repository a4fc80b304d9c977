"""Cluster labels of item features: whiten the leading principal components, then K-medoids (`MODEL.md`)."""

import logging

import numpy as np
from jaxtyping import Float, Float32, Int64

from athwe.config import DataConfig
from athwe.data.cluster_cache import cached
from athwe.data.medoids import choose_method, medoid_labels
from athwe.errors import ConfigError

logger = logging.getLogger(__name__)

SMALLEST_VARIANCE = 1e-5
LARGE_SHARE = 1 / 3


def cluster_labels(
    features: Float32[np.ndarray, "N D"], name: str, config: DataConfig, seed: int
) -> Int64[np.ndarray, " N"]:
    """A label in 0..n_clusters-1 for each item with features, -1 for the padding row and for all-zero rows.

    Computed once for the same features, settings, seed and method, then read from the cache.

    Args:
        name: the modality, for messages.

    Raises:
        ConfigError: more clusters than items with features.
    """
    labelled = features.any(axis=1)
    labelled[0] = False
    count = int(labelled.sum())
    if config.n_clusters > count:
        raise ConfigError(
            f"n_clusters {config.n_clusters} is above the {count} items that have {name} features; lower n_clusters"
        )
    method = choose_method(config.cluster_method, count)
    settings = {
        "n_clusters": config.n_clusters,
        "components": config.cluster_components,
        "seed": seed,
        "method": method,
    }

    def compute() -> Int64[np.ndarray, " N"]:
        labels = np.full(len(features), -1, dtype=np.int64)
        points = whiten(features[labelled].astype(np.float64), config.cluster_components)
        labels[labelled] = medoid_labels(points, config.n_clusters, method, seed)
        return labels

    labels = cached(features, settings, compute)
    _report(labels[labelled], name, method)
    return labels


def whiten(points: Float[np.ndarray, "n D"], components: int | None) -> Float[np.ndarray, "n C"]:
    """Centred points on their leading principal components, each divided by its standard deviation.

    Without the rotation back that full ZCA ends with: K-medoids sees distances only, which it does not change.

    Args:
        components: how many to keep; None keeps all.
    """
    centred = points - points.mean(axis=0)
    variance, direction = np.linalg.eigh(centred.T @ centred / len(points))  # ascending
    leading = slice(None) if components is None else slice(-components, None)
    scale = np.sqrt(np.maximum(variance[leading], SMALLEST_VARIANCE))
    return centred @ direction[:, leading] / scale


def _report(labels: Int64[np.ndarray, " n"], name: str, method: str) -> None:
    share = np.bincount(labels).max() / len(labels)
    message = "the largest %s cluster holds %.0f %% of %d items (%s)"
    level = logging.WARNING if share > LARGE_SHARE else logging.INFO
    logger.log(level, message, name, 100 * share, len(labels), method)
