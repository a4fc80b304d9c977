"""Labels on disk, under a hash of everything they depend on."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

logger = logging.getLogger(__name__)

VERSION = 1
"""Raise it when the computation changes, so that older labels are not found any more."""


def cache_folder() -> Path:
    """`ATHWE_CACHE_DIR`, by default `~/.cache/athwe`."""
    return Path(os.environ.get("ATHWE_CACHE_DIR") or Path.home() / ".cache" / "athwe")


def cached(
    features: Float32[np.ndarray, "N D"],
    settings: Mapping[str, object],
    compute: Callable[[], Int64[np.ndarray, " N"]],
) -> Int64[np.ndarray, " N"]:
    """Labels of these features under these settings: read when they were computed before, else computed and kept.

    A file that cannot be read is computed again; a folder that cannot be written costs the computation next time.
    """
    description = json.dumps({"version": VERSION, "shape": features.shape, **settings}, sort_keys=True)
    digest = hashlib.blake2b(description.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(features).data)
    path = cache_folder() / "clusters" / f"{digest.hexdigest()}.npy"
    try:
        labels = np.load(path, allow_pickle=False)
        if labels.shape == (len(features),) and labels.dtype == np.int64:
            return labels
        logger.warning("computing %s again: it does not hold one label an item", path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, EOFError) as error:
        logger.warning("computing %s again: %s", path, error)
    labels = compute()
    _write(path, labels)
    return labels


def _write(path: Path, labels: Int64[np.ndarray, " N"]) -> None:
    """Write under a temporary name, then rename, so that nobody ever reads half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, labels, allow_pickle=False)
        os.replace(file.name, path)
    except OSError as error:
        logger.warning("cluster labels are not kept in %s: %s", path.parent, error)
