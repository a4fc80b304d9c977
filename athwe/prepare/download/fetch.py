"""Fetch one large file: resumed where it was cut, tried again with growing pauses, checked, then renamed."""

import contextlib
import hashlib
import json
import logging
import re
import shutil
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from athwe.errors import DataError
from athwe.prepare.download.http import is_transient, open_url
from athwe.prepare.download.public import PublicFile
from athwe.prepare.limits import Progress, Unseen

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
TRIES = 6
"""In a row without a byte of progress."""
LONGEST_PAUSE_SECONDS = 60
SPARE_BYTES = 1 << 30
"""What a download leaves free on the disk."""


class Fetcher:
    """Fetches files into a folder; what is there in full is not fetched again."""

    def __init__(
        self,
        folder: Path,
        agrees: Callable[[str, int | None], bool] = lambda url, size_bytes: True,
        progress: Progress | None = None,
        pause_seconds: float = 1.0,
    ):
        """
        Args:
            agrees: is asked before a file of that size is fetched.
            pause_seconds: before the second try; it doubles with each further one, up to a minute.
        """
        self._folder = folder
        self._agrees = agrees
        self._progress = progress or Unseen()
        self._pause_seconds = pause_seconds

    def fetch(self, file: PublicFile) -> Path:
        """The file's path, once it is complete.

        Raises:
            DataError: not agreed, not there, given up, of another checksum, or no room on the disk.
        """
        target = self._folder / file.url.rpartition("/")[2]
        if target.exists():
            _require_checksum(target, file)
            return target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            self._fetch_part(file, part)
            _require_checksum(part, file)
            part.replace(target)
        except urllib.error.HTTPError as error:
            raise DataError(f"{file.url} cannot be had: the server says {error.code} {error.reason}") from None
        except OSError as error:
            raise DataError(f"cannot fetch {file.url} to {target}: {error.strerror or error}") from None
        _note(part).unlink(missing_ok=True)
        return target

    def _fetch_part(self, file: PublicFile, part: Path) -> None:
        """Add to a part until it is complete.

        Raises:
            DataError: given up, no room, or not agreed.
        """
        failures = 0
        told: Callable[[int], None] | None = None
        if _size(part) and _noted(part).get("size_bytes") == _size(part):
            return  # complete, by a run that was ended before it could say so
        while True:
            before = _size(part)
            try:
                with _begin(file.url, part) as (response, size_bytes, start):
                    if told is None:
                        self._require_room_and_consent(file.url, size_bytes, start)
                        told = self._progress.start(part.stem, size_bytes or 0)
                        told(start)
                    _copy(response, part, start, told)
                if size_bytes in (None, _size(part)):
                    return
                raise ConnectionError(f"it ended after {_size(part):,} of {size_bytes:,} bytes")
            except Exception as error:
                if not is_transient(error):
                    raise
                failures = 1 if _size(part) > before else failures + 1
                self._pause_or_give_up(file.url, part, failures, error)

    def _pause_or_give_up(self, url: str, part: Path, failures: int, error: Exception) -> None:
        if failures >= TRIES:
            raise DataError(
                f"{url} was given up after {TRIES} tries without progress ({error}); {_size(part):,} bytes are in "
                f"{part}, and the same command goes on from there"
            ) from None
        pause_seconds = min(self._pause_seconds * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
        logger.warning("%s: %s; next try in %.0f s", url, error, pause_seconds)
        time.sleep(pause_seconds)

    def _require_room_and_consent(self, url: str, size_bytes: int | None, start: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if size_bytes and size_bytes - start + SPARE_BYTES > free:
            raise DataError(
                f"{url} has {size_bytes:,} bytes, but {self._folder} has room for {max(free - SPARE_BYTES, 0):,}; "
                "choose another --download-folder"
            )
        if not self._agrees(url, size_bytes):
            raise DataError(f"{url} was not fetched: its size was not agreed to (--yes agrees)")


@contextlib.contextmanager
def _begin(url: str, part: Path) -> Iterator[tuple[Any, int | None, int]]:
    """An answer to read from, the size of the whole file where it is known, and where in it the answer begins."""
    have, version = _size(part), str(_noted(part).get("version", ""))
    resumes = bool(have and version)
    headers = {"Range": f"bytes={have}-", "If-Range": version} if resumes else {}
    try:
        response = open_url(url, {"Accept-Encoding": "identity", **headers})
    except urllib.error.HTTPError as error:
        if error.code != 416 or not resumes:
            raise
        part.unlink(missing_ok=True)  # as long as the file, or longer: the same name for something else
        response = open_url(url, {"Accept-Encoding": "identity"})
    with response:
        if response.status == 206:
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if not match or int(match[1]) != have:
                part.unlink(missing_ok=True)
                raise ConnectionError("the server answered with another range than was asked for")
            yield response, int(match[2]), have
            return
        etag = response.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        length = response.headers.get("Content-Length", "")
        size_bytes = int(length) if length.isdecimal() else None
        part.unlink(missing_ok=True)  # before the note: a part is never taken for another version's
        _note(part).write_text(json.dumps({"version": version, "size_bytes": size_bytes}), encoding="utf-8")
        yield response, size_bytes, 0


def _copy(response: Any, part: Path, start: int, told: Callable[[int], None]) -> None:
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        while chunk := response.read1(CHUNK_BYTES):
            file.write(chunk)
            told(len(chunk))


def _require_checksum(path: Path, file: PublicFile) -> None:
    if file.md5 is None:
        return
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "md5").hexdigest()
    if found != file.md5:
        path.unlink()
        raise DataError(
            f"{file.url} has the MD5 checksum {found}, expected {file.md5}: it was damaged on its way or "
            "replaced; what was fetched is removed, so run the command again"
        )


def _note(part: Path) -> Path:
    """Beside a part: which version of the file it is of."""
    return part.with_name(f"{part.name}.json")


def _noted(part: Path) -> dict[str, Any]:
    try:
        noted = json.loads(_note(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or half-written by a run that was killed: start anew
        return {}
    return noted if isinstance(noted, dict) else {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
