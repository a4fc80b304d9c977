"""K-medoids by one of three algorithms; `scikit-learn-extra` can only be had for Python below 3.12."""

import importlib.util
import logging
import warnings
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64

logger = logging.getLogger(__name__)

EXACT_AT_MOST = 10_000
"""Items up to which `auto` builds the whole distance matrix (800 MB there); past it, it samples."""
MAX_ITERATIONS = 100
CLARA_SAMPLES = 5
Method = Literal["kmedoids", "clara", "fasterpam"]


def choose_method(wanted: Method | Literal["auto"], count: int) -> Method:
    """The algorithm for `count` items: what is wanted, or for `auto` the published one while its matrix fits."""
    if importlib.util.find_spec("sklearn_extra") is None:
        if wanted not in ("auto", "fasterpam"):
            logger.warning("cluster_method %s needs scikit-learn-extra, not installed here: fasterpam instead", wanted)
        return "fasterpam"
    if wanted != "auto":
        return wanted
    if count <= EXACT_AT_MOST:
        return "kmedoids"
    logger.info("clustering %d items by CLARA: the exact K-medoids serves up to %d", count, EXACT_AT_MOST)
    return "clara"


def medoid_labels(
    points: Float[np.ndarray, "n C"], n_clusters: int, method: Method, seed: int
) -> Int64[np.ndarray, " n"]:
    """Label of each point's nearest medoid, Euclidean."""
    if method == "fasterpam":
        return _faster_pam(points, n_clusters, seed)
    from sklearn_extra.cluster import CLARA, KMedoids

    model = (
        KMedoids(n_clusters, method="alternate", init="k-medoids++", max_iter=MAX_ITERATIONS, random_state=seed)
        if method == "kmedoids"
        else CLARA(n_clusters, n_sampling_iter=CLARA_SAMPLES, max_iter=MAX_ITERATIONS, random_state=seed)
    )
    with warnings.catch_warnings():  # what scikit-learn 1.9 deprecates, and clusters left empty
        warnings.simplefilter("ignore")
        return model.fit(points).labels_.astype(np.int64)


def _faster_pam(points: Float[np.ndarray, "n C"], n_clusters: int, seed: int) -> Int64[np.ndarray, " n"]:
    import kmedoids
    from sklearn.metrics import pairwise_distances, pairwise_distances_argmin

    sample = points
    if len(points) > EXACT_AT_MOST:
        logger.info("fasterpam looks for medoids among %d of %d items", EXACT_AT_MOST, len(points))
        sample = points[np.random.default_rng(seed).choice(len(points), EXACT_AT_MOST, replace=False)]
    distances = pairwise_distances(sample.astype(np.float32))
    found = kmedoids.fasterpam(
        distances, n_clusters, max_iter=MAX_ITERATIONS, init="random", random_state=seed, n_cpu=1
    )
    return pairwise_distances_argmin(points, sample[found.medoids]).astype(np.int64)
