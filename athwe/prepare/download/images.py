"""Fetch the pictures of a catalogue: a few at once, each once, small; what fails is counted and told."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from athwe.errors import DataError
from athwe.files import replacing
from athwe.prepare.download.http import TRANSIENT, is_transient, open_url
from athwe.prepare.file_names import safe_name
from athwe.prepare.records import Item

MAX_BYTES = 10_000_000
"""Of one picture."""
AT_ONCE = 8
TRIES = 3
GIVE_UP_AFTER = 100
"""Pictures in a row that fail for reasons of the network."""
TIMEOUT_SECONDS = 20.0
"""Without a byte."""
LONGEST_SECONDS = 120.0
"""For a whole picture, from a server that sends it byte by byte."""
CHUNK_BYTES = 1 << 16
NOT_THERE = ".failed"
"""Suffix of an empty file that says that a server has no such picture, so that it is not asked again."""


@dataclass(frozen=True)
class Problem:
    """Why a picture was not fetched."""

    text: str
    is_lasting: bool
    """Whether it makes no sense to ask again."""


@dataclass(frozen=True)
class Fetched:
    """Where the pictures are."""

    paths: dict[str, Path]
    failed: dict[str, str]
    """Why an item has none."""


def fetch_images(
    items: Mapping[str, Item],
    folder: Path,
    told: Callable[[int], None] = lambda images: None,
    pause_seconds: float = 1.0,
) -> Fetched:
    """Fetch the picture of each item that has a URL; those in `folder` from an earlier run are not fetched again.

    Args:
        told: is called with numbers of pictures done.
        pause_seconds: before a second try; it doubles.

    Raises:
        DataError: the folder cannot be written, or picture after picture cannot be fetched, as without a network.
    """
    wanted = {token: item.image for token, item in items.items() if item.image}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write pictures to {folder}: {error.strerror}") from None

    def fetch(token: str) -> Problem | None:
        return _fetch_one(wanted[token], folder / safe_name(token), pause_seconds)

    failed: dict[str, str] = {}
    in_a_row = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for token, problem in zip(wanted, pool.map(fetch, wanted), strict=True):
            told(1)
            in_a_row = in_a_row + 1 if problem and not problem.is_lasting else 0
            if in_a_row == GIVE_UP_AFTER:
                pool.shutdown(wait=False, cancel_futures=True)
                raise DataError(
                    f"{GIVE_UP_AFTER} pictures in a row could not be fetched ({problem and problem.text}); those that "
                    f"were are in {folder}, and the same command goes on from there"
                )
            if problem:
                failed[token] = problem.text
    return Fetched({token: folder / safe_name(token) for token in wanted if token not in failed}, failed)


def _fetch_one(url: str, path: Path, pause_seconds: float) -> Problem | None:
    """Fetch one picture; what went wrong, if anything did."""
    marker = path.with_name(path.name + NOT_THERE)
    if path.exists():
        return None
    if marker.exists():
        return Problem("failed in an earlier run", is_lasting=True)
    try:
        content = _read_patiently(url, pause_seconds)
    except (OSError, HTTPException, DataError, ValueError) as error:  # ValueError: a URL that is none
        is_lasting = not is_transient(error)
        if is_lasting:
            marker.touch()
        return Problem(" ".join(str(error).split()) or type(error).__name__, is_lasting)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return None


def _read_patiently(url: str, pause_seconds: float) -> bytes:
    for tried in range(TRIES - 1):
        try:
            return _read(url)
        except TRANSIENT as error:
            if not is_transient(error):
                raise
            time.sleep(pause_seconds * 2**tried)
    return _read(url)


def _read(url: str) -> bytes:
    deadline = time.monotonic() + LONGEST_SECONDS
    content = bytearray()
    with open_url(url, timeout_seconds=TIMEOUT_SECONDS) as response:
        while chunk := response.read1(CHUNK_BYTES):
            content += chunk
            if len(content) > MAX_BYTES:
                raise DataError(f"{url[:200]} is larger than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise DataError(f"{url[:200]} was not there after {LONGEST_SECONDS:.0f} s")
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and len(content) < int(expected):
        raise ConnectionError(f"{url[:200]} ended early")
    return bytes(content)
