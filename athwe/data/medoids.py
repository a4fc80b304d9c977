"""K-medoids: the published algorithm at any size, or one of two others where a configuration asks for it."""

import importlib.util
import logging
import warnings
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from athwe.data.alternate import MAX_ITERATIONS, alternate, nearest

logger = logging.getLogger(__name__)

CLARA_SAMPLES = 5
FASTERPAM_SAMPLE = 10_000
"""Points among which fasterpam looks for medoids: it holds all distances between them (400 MB)."""
Method = Literal["kmedoids", "clara", "fasterpam"]


def choose_method(wanted: Method | Literal["auto"]) -> Method:
    """The algorithm to use: what is wanted, the published one for `auto` and where CLARA cannot be had."""
    if wanted == "clara" and importlib.util.find_spec("sklearn_extra") is None:
        logger.warning("cluster_method clara needs scikit-learn-extra, not installed here: kmedoids instead")
        return "kmedoids"
    return "kmedoids" if wanted == "auto" else wanted


def find_medoids(
    points: Float64[np.ndarray, "n C"], n_clusters: int, method: Method, seed: int
) -> Float64[np.ndarray, "k C"]:
    """The points that stand for the clusters, Euclidean."""
    if method == "kmedoids":
        return points[alternate(points, n_clusters, seed)]
    return (_clara if method == "clara" else _faster_pam)(points, n_clusters, seed)


def medoid_labels(
    points: Float64[np.ndarray, "n C"], n_clusters: int, method: Method, seed: int
) -> Int64[np.ndarray, " n"]:
    """Label of each point's nearest medoid."""
    return nearest(points, find_medoids(points, n_clusters, method, seed))


def _clara(points: Float64[np.ndarray, "n C"], n_clusters: int, seed: int) -> Float64[np.ndarray, "k C"]:
    from sklearn_extra.cluster import CLARA

    model = CLARA(n_clusters, n_sampling_iter=CLARA_SAMPLES, max_iter=MAX_ITERATIONS, random_state=seed)
    with warnings.catch_warnings():  # what scikit-learn 1.9 deprecates, and clusters left empty
        warnings.simplefilter("ignore")
        return np.asarray(model.fit(points).cluster_centers_)


def _faster_pam(points: Float64[np.ndarray, "n C"], n_clusters: int, seed: int) -> Float64[np.ndarray, "k C"]:
    import kmedoids
    from sklearn.metrics import pairwise_distances

    sample = points
    if len(points) > FASTERPAM_SAMPLE:
        logger.info("fasterpam looks for medoids among %d of %d items", FASTERPAM_SAMPLE, len(points))
        sample = points[np.random.default_rng(seed).choice(len(points), FASTERPAM_SAMPLE, replace=False)]
    distances = pairwise_distances(sample.astype(np.float32))
    found = kmedoids.fasterpam(
        distances, n_clusters, max_iter=MAX_ITERATIONS, init="random", random_state=seed, n_cpu=1
    )
    return sample[found.medoids]
