"""The storage path of a study: a local folder, one on NFS, or objects on S3, through pyarrow.fs.

Names are relative to it, with `/`. Credentials come from the environment, as AWS' own tools read them.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pyarrow import ArrowException, NativeFile
from pyarrow import fs as arrow

from athwe.files import replacing
from tuning.errors import SearchError

_WRITABLE = ".writable"


@dataclass(frozen=True)
class Storage:
    """A folder for a study's files, reachable from every node; may be pickled.

    Methods raise OSError where the files cannot be reached, and FileNotFoundError for a name that is not there.
    """

    url: str
    """An absolute path, or `s3://bucket/path`, in whose query may stand `endpoint_override`, `scheme` and `region`."""

    @classmethod
    def at(cls, given: str) -> Self:
        """The storage that a user named; a relative path is made absolute.

        Raises:
            SearchError: neither a path nor an S3 URL, or one with credentials, which would be stored and shown.
        """
        parts = urlsplit(given)
        if "://" not in given:
            return cls(os.path.abspath(given))
        if parts.scheme == "file" and not parts.netloc and not parts.query:
            return cls(str(Path(arrow.FileSystem.from_uri(given)[1])))
        if parts.scheme != "s3" or not parts.netloc:
            raise SearchError(f"--storage-path takes a folder or s3://bucket/path, got {parts.scheme}://…")
        if "@" in parts.netloc:
            raise SearchError(
                "--storage-path takes no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
            )
        try:
            _opened(given)
        except (ArrowException, OSError, ValueError) as error:
            raise SearchError(f"--storage-path {given} cannot be used: {_line(error)}") from None
        path, mark, query = given.partition("?")
        return cls(path.rstrip("/") + mark + query)

    @property
    def is_local(self) -> bool:
        """Whether files lie below a folder of this machine, NFS included."""
        return "://" not in self.url

    @property
    def root(self) -> str:
        """The path of the storage within its file system."""
        return _opened(self.url)[1]

    def path(self, name: str) -> str:
        """The path of a name within the file system."""
        return f"{self.root}/{name}" if name else self.root

    def for_ray(self, name: str) -> dict[str, Any]:
        """Arguments of `tune.RunConfig` to keep Ray's checkpoints below `name`."""
        return {"storage_path": self.path(name), "storage_filesystem": None if self.is_local else self._system}

    def require_writable(self) -> None:
        """Make the folder, and see whether a file can be written to it.

        Raises:
            SearchError: it cannot.
        """
        try:
            self.write_text(_WRITABLE, "")
            self.delete(_WRITABLE)
        except (ArrowException, OSError) as error:
            raise SearchError(f"cannot write to {self.url}: {_line(error)}; give another --storage-path") from None

    def write(self, name: str, make: Callable[[Path], object]) -> None:
        """Write a file or a folder.

        Args:
            name: what is there already is replaced: as a whole on a local path, file by file on S3, where each
                appears as a whole.
            make: writes it to a local path, as a whole or not at all (`athwe.files.replacing`).
        """
        if self.is_local:
            make(Path(self.path(name)))
            return
        with tempfile.TemporaryDirectory(prefix="athwe-") as folder:
            made = Path(folder) / Path(name).name
            make(made)
            _copy(str(made), arrow.LocalFileSystem(), self.path(name), self._system)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, in UTF-8."""

        def make(path: Path) -> None:
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")

        self.write(name, make)

    def read(self, name: str) -> bytes:
        """All of a file; meant for small ones."""
        with self._system.open_input_file(self.path(name)) as file:
            return file.read()

    def open(self, name: str) -> NativeFile:
        """A file to read parts of; to be closed."""
        return self._system.open_input_file(self.path(name))

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""
        return self._type(self.path(name)) != arrow.FileType.NotFound

    def names(self, folder: str = "") -> list[str]:
        """What is in a folder, sorted, without the folder's name; nothing where there is none."""
        found = self._system.get_file_info(arrow.FileSelector(self.path(folder), allow_not_found=True))
        return sorted(info.base_name for info in found)

    def bytes_of(self, name: str) -> int:
        """Size of a file, or of all the files below a folder; 0 where there is none."""
        return sum(self.file_sizes(name))

    def file_sizes(self, name: str) -> list[int]:
        """Size of a file, or of each of the files below a folder; nothing where there is none."""
        found = [self._system.get_file_info(self.path(name))]
        if found[0].type == arrow.FileType.Directory:
            found = self._system.get_file_info(arrow.FileSelector(self.path(name), recursive=True))
        return [info.size or 0 for info in found if info.is_file]

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file and each folder, with all that is below it, in a folder; nothing where there is none."""
        root, sizes = self.path(folder), dict[str, int]()
        selector = arrow.FileSelector(root, allow_not_found=True, recursive=True)
        for info in self._system.get_file_info(selector):
            if info.is_file:
                name = info.path.removeprefix(f"{root}/").partition("/")[0]
                sizes[name] = sizes.get(name, 0) + (info.size or 0)
        return sizes

    def delete(self, name: str) -> None:
        """Remove a file or a folder with all that is in it; nothing happens where there is none."""
        path = self.path(name)
        kind = self._type(path)
        if kind == arrow.FileType.Directory:
            self._system.delete_dir(path)
        elif kind != arrow.FileType.NotFound:
            self._system.delete_file(path)

    def delete_if_empty(self, folder: str = "") -> None:
        """Remove a folder that has nothing in it. A link to one stays, and so does a bucket."""
        path = self.path(folder)
        if self.is_local:
            local = Path(path)
            if local.is_dir() and not local.is_symlink() and not any(local.iterdir()):
                local.rmdir()
        elif "/" in path and self._type(path) == arrow.FileType.Directory and not self.names(folder):
            self._system.delete_dir(path)

    def copy(self, old: str, new: str) -> None:
        """Copy a file or a folder, replacing what is there of the new name."""
        if not self.is_local:
            _copy(self.path(old), self._system, self.path(new), self._system)
            return
        source = Path(self.path(old))
        with replacing(Path(self.path(new))) as temporary:
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, temporary)

    def free_bytes(self) -> int | None:
        """What still fits; None where that is not known, as on S3."""
        return shutil.disk_usage(self.root).free if self.is_local else None

    def name_of(self, path: str) -> str | None:
        """The name of a path within the file system; None where it lies outside of the storage."""
        below = path.removeprefix(f"{self.root}/")
        return None if below == path or ".." in below.split("/") else below

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file or folder by its path within the file system, on this machine for the time of a `with` block."""
        if self.is_local:
            yield Path(path)
            return
        with tempfile.TemporaryDirectory(prefix="athwe-") as folder:
            copy = Path(folder) / Path(path).name
            if self._type(path) == arrow.FileType.Directory:
                copy.mkdir()
            _copy(path, self._system, str(copy), arrow.LocalFileSystem())
            yield copy

    @property
    def _system(self) -> arrow.FileSystem:
        return _opened(self.url)[0]

    def _type(self, path: str) -> arrow.FileType:
        return self._system.get_file_info(path).type


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is used up."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@lru_cache(maxsize=8)
def _opened(url: str) -> tuple[arrow.FileSystem, str]:
    """The file system and the path in it; S3 is asked for the bucket's region, so once a process."""
    if "://" not in url:
        return arrow.LocalFileSystem(), url.rstrip("/")
    system, path = arrow.FileSystem.from_uri(url)
    return system, path.rstrip("/")


def _copy(source: str, from_system: arrow.FileSystem, target: str, to_system: arrow.FileSystem) -> None:
    """Copy a file or a folder, one file at a time: uploads by threads can lock each other out (apache/arrow#32372)."""
    arrow.copy_files(source, target, from_system, to_system, use_threads=False)


def _line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split())
