"""Prepared arrays on disk, under a hash of all they were made from: nothing is computed twice."""

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Shaped

from athwe.files import replacing

logger = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]
MOST_BYTES = 2_000_000_000
"""Size of the whole cache past which the entries that were not used for longest are removed."""

builds: Counter[str] = Counter()
"""How many entries of each kind this process has computed, because the cache did not have them."""


def cache_folder() -> Path:
    """`ATHWE_CACHE_DIR`, by default `~/.cache/athwe`."""
    return Path(os.environ.get("ATHWE_CACHE_DIR") or Path.home() / ".cache" / "athwe")


def array_digest(array: Shaped[np.ndarray, "..."]) -> str:
    """Hash of an array's type, shape and values; SHA-256, which processors have instructions for."""
    digest = hashlib.sha256(repr((array.dtype.str, array.shape)).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def cached(kind: str, made_from: Mapping[str, object], build: Callable[[], Arrays]) -> Arrays:
    """The arrays that `build` gives: read where they were built before, else built and kept.

    Processes that miss the same entry at the same time build it once: the others wait and read it. An entry that cannot
    be read is built again; a folder that cannot be written costs the same time again next time. Builds of one kind must
    not ask for entries of the same kind, or they may wait for each other.

    Args:
        kind: what the arrays are, the name of a folder and of a count in `builds`.
        made_from: everything the arrays depend on, for JSON: hashes, settings, and a version of the computation.
        build: makes the arrays, none of objects. What it raises passes through, and nothing is kept.
    """
    key = hashlib.blake2b(json.dumps(made_from, sort_keys=True).encode(), digest_size=16).hexdigest()
    path = cache_folder() / kind / f"{key}.npz"
    found = _read(path, logging.DEBUG)
    if found is not None:
        return found
    with _locked(path) as writable:
        found = _read(path, logging.WARNING)  # another process may have built it in the meantime
        if found is not None:
            return found
        started = time.perf_counter()
        arrays = build()
        builds[kind] += 1
        logger.info("built %s in %.2f s", kind, time.perf_counter() - started)
        if writable:
            _write(path, arrays)
        return arrays


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Keep other processes from the same entry; gives whether the folder can be written.

    Entries share 256 locks of their kind, since lock files cannot be removed while others may wait for them.
    """
    lock = FileLock(path.parent / f"{path.name[:2]}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        logger.warning("%s are not kept in %s: %s", path.parent.name, path.parent, error)
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _read(path: Path, level: int) -> Arrays | None:
    """What the entry holds, None where there is none; zip's checksums tell whether all of it is as written.

    Args:
        level: at which to log an entry that cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # whatever a damaged file makes of the reader
        logger.log(level, "computing %s again: %s", path, error)
        return None
    with suppress(OSError):
        os.utime(path)  # used now
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Keep an entry, as a whole or not at all."""
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
        _remove_unused(path.parent.parent)
    except OSError as error:
        logger.warning("%s are not kept in %s: %s", path.parent.name, path.parent, error)


def _remove_unused(folder: Path) -> None:
    """Remove what was not used for longest until the rest fits; what a killed process left half-written is among it."""
    state: dict[Path, os.stat_result] = {}
    for path in folder.glob("*/*.npz*"):
        with suppress(FileNotFoundError):  # another process was quicker
            state[path] = path.stat()
    total = sum(stat.st_size for stat in state.values())
    for path in sorted(state, key=lambda path: state[path].st_mtime_ns)[:-1]:  # never the newest
        if total <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= state[path].st_size
