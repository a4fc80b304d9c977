"""Rows that an encoder gave, kept by the content they were made from: what was encoded once is never encoded again."""

import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from jaxtyping import Float32

from athwe.data.cache import MOST_BYTES, cache_folder
from athwe.files import remove, replacing

logger = logging.getLogger(__name__)

KIND = "encoded"
"""Folder in the cache."""
KEY_BYTES = 32


def content_key(content: bytes) -> bytes:
    """What a row is kept under: SHA-256 of the text or picture it was made from."""
    return hashlib.sha256(content).digest()


class EncodedRows:
    """The rows of one encoder in one file, to which finished batches are appended: a killed run loses one batch.

    A record is the key, the row and a checksum of both, so a record that was cut or damaged counts as not there.
    Appends take a lock and first cut off what a killed process left behind its last whole record.
    """

    def __init__(self, identity: Mapping[str, Any]):
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = cache_folder() / KIND / key
        self.about = self._read_about()

    def read(self, wanted: Iterable[bytes]) -> dict[bytes, Float32[np.ndarray, " D"]]:
        """The rows that are there, by key; those of damaged records are not."""
        path = self.folder / "rows"
        if self.about is None or not path.exists():
            return {}
        dtype = _record(self.about["width"])
        whole = path.stat().st_size // dtype.itemsize
        if not whole:
            return {}
        records = np.memmap(path, dtype, mode="r", shape=(whole,))
        place = {key.tobytes(): number for number, key in enumerate(records["key"])}
        found = {key: records[place[key]] for key in wanted if key in place}
        os.utime(self.folder)  # used now
        return {key: np.array(record["row"]) for key, record in found.items() if _checksum(record) == record["check"]}

    def start(self, about: dict[str, Any]) -> None:
        """Say by what the rows are made that are appended from now on; must hold `width`."""
        self.about = about
        try:
            with replacing(self.folder / "about.json") as temporary:
                temporary.write_text(json.dumps(about, indent=2), encoding="utf-8")
            _remove_unused(self.folder)
        except OSError as error:
            logger.warning("encoded rows are not kept in %s: %s", self.folder, error)

    def append(self, keys: list[bytes], rows: Float32[np.ndarray, "n D"]) -> None:
        """Keep a batch, as far as the folder can be written."""
        dtype = _record(rows.shape[1])
        records = np.zeros(len(keys), dtype)
        records["key"] = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
        records["row"] = rows
        records["check"] = [_checksum(record) for record in records]
        try:
            with FileLock(self.folder / "lock"), (self.folder / "rows").open("ab") as file:
                file.truncate(file.tell() // dtype.itemsize * dtype.itemsize)
                file.write(records.tobytes())
        except OSError as error:
            logger.warning("encoded rows are not kept in %s: %s", self.folder, error)

    def _read_about(self) -> dict[str, Any] | None:
        try:
            about = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there, or cut by a full disk: the rows are made again
            return None
        return about if isinstance(about, dict) and isinstance(about.get("width"), int) else None


def _record(width: int) -> np.dtype:
    return np.dtype([("key", np.uint8, KEY_BYTES), ("row", "<f4", (width,)), ("check", "<u4")])


def _checksum(record: np.void) -> int:
    return zlib.crc32(record["row"].tobytes(), zlib.crc32(record["key"].tobytes()))


def _remove_unused(current: Path) -> None:
    """Remove the encoders whose rows were not used for longest until the rest fits; never the current one."""
    folders = sorted(current.parent.iterdir(), key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
    total = 0
    for folder in [current, *(each for each in folders if each != current)]:
        total += sum(path.stat().st_size for path in folder.glob("*"))
        if total > MOST_BYTES and folder != current:
            remove(folder)
