"""Open a plain file, a gzip file or a member of a zip as a stream of bytes that no bomb can swell."""

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from athwe.errors import DataError
from athwe.prepare.limits import Limits, Progress

CHUNK_BYTES = 1 << 20
OTHER_COMPRESSIONS = (b"PK\x03\x04", b"PK\x05\x06", b"\xfd7zX", b"BZh", b"\x28\xb5\x2f\xfd")
"""First bytes of zip, xz, bzip2 and zstd files."""
_DAMAGED = (
    gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError,
    UnicodeDecodeError,  # of a member's name
)  # fmt: skip
"""What gzip and zip make of files that are not as they say."""
RATIO_FROM_BYTES = 64 << 20
"""Below this many decompressed bytes a ratio means nothing."""


@dataclass(frozen=True)
class SourceFile:
    """A file, or a member of a zip file."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """For people; bytes that are no UTF-8 are escaped."""
        path = str(self.path).encode(errors="backslashreplace").decode()
        return path if self.member is None else f"{path}, {self.member}"


class _Counted(io.RawIOBase):
    """Passes bytes on, counts them and tells of them."""

    def __init__(self, inner: Any, told: Callable[[int], None]):
        self._inner = inner
        self._told = told
        self.total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._inner.readinto(buffer)
        self.total += count
        self._seen(memoryview(buffer)[:count])
        self._told(count)
        return count

    def _seen(self, content: memoryview) -> None:
        pass


class _Hashed(_Counted):
    def __init__(self, inner: Any, told: Callable[[int], None]):
        super().__init__(inner, told)
        self.digest = hashlib.sha256()

    def _seen(self, content: memoryview) -> None:
        self.digest.update(content)


@dataclass
class Opened:
    """An open source file."""

    stream: "io.BufferedReader[Any]"
    size_bytes: int
    """On disk."""
    digest: Callable[[], str]
    """SHA-256 of the file on disk, once all of it has been read."""


@contextmanager
def opened(file: SourceFile, limits: Limits, progress: Progress) -> Iterator[Opened]:
    """The bytes of a file; gzip is known by its first bytes, whatever the file's name.

    Raises:
        DataError: another compression, or more bytes than the limits allow, while reading.
    """
    with ExitStack() as stack:
        if file.member is not None:
            archive = stack.enter_context(open_zip(file.path))
            info = archive.getinfo(file.member)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _unread_compression(file.name)
            told = progress.start(file.name, info.file_size)
            bounded = _bounded(file.name, lambda: info.compress_size, limits, told)
            inner = stack.enter_context(archive.open(info))
            stream = io.BufferedReader(_Counted(inner, bounded), CHUNK_BYTES)
            yield Opened(stream, file.path.stat().st_size, lambda: _digest(file.path))
            return
        plain = stack.enter_context(file.path.open("rb"))
        size_bytes = file.path.stat().st_size
        raw = _Hashed(plain, progress.start(file.name, size_bytes))
        stream = io.BufferedReader(raw, CHUNK_BYTES)
        start = stream.peek(4)[:4]
        if start[:2] == b"\x1f\x8b":
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=stream, mode="rb"))
            bounded = _bounded(file.name, lambda: raw.total, limits, lambda count: None)
            stream = io.BufferedReader(_Counted(unzipped, bounded), CHUNK_BYTES)
        elif start.startswith(OTHER_COMPRESSIONS):
            raise _unread_compression(file.name)
        yield Opened(stream, size_bytes, raw.digest.hexdigest)


def _bounded(
    name: str, compressed: Callable[[], int], limits: Limits, told: Callable[[int], None]
) -> Callable[[int], None]:
    """What stops a decompression that passes a limit."""
    total = 0

    def count(size: int) -> None:
        nonlocal total
        total += size
        told(size)
        if total > limits.decompressed_bytes:
            raise DataError(
                f"{name} holds more than {limits.decompressed_bytes:,} bytes when decompressed, and was left there "
                "(--max-decompressed)"
            )
        if total > RATIO_FROM_BYTES and total > limits.ratio * max(compressed(), 1):
            raise DataError(
                f"{name} decompresses to more than {limits.ratio:g} times its size, as no reviews do, and was left "
                "there (--max-ratio)"
            )

    return count


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip file, of which members are read in place: nothing is ever unpacked to a path that it names.

    Raises:
        DataError: no zip file, or one with a member whose path leads out of it.
    """
    with telling(str(path)), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            inner = PurePosixPath(name.replace("\\", "/"))
            if inner.is_absolute() or ".." in inner.parts or re.match("[A-Za-z]:", name):
                raise DataError(f"{path} has a member {ascii(name)[:80]} whose path leads out of it; nothing was read")
        yield archive


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Say in one line what is wrong with a file that cannot be read.

    Raises:
        DataError: instead of what the system, gzip and zip say.
    """
    try:
        yield
    except EOFError:
        raise DataError(
            f"{name} ends in the middle of its compressed data, as after a broken download; fetch it again"
        ) from None
    except _DAMAGED as error:
        raise DataError(f"{name} is damaged or cannot be decompressed ({' '.join(str(error).split())})") from None
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from None


def _unread_compression(name: str) -> DataError:
    return DataError(f"{name} is compressed in a way that is not read here; unpack it, or use gzip")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
