"""Files that a search wrote below its storage path, local or on S3: read once a version, and none but those."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from urllib.parse import unquote, urlsplit, urlunsplit

import pyarrow as pa
import streamlit as st
from pyarrow import fs

_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]+")


class UnreadableFile(Exception):
    """A file that a search wrote and that cannot be read; the message is one line for the user."""


def inside(study: dict, *names: str) -> str:
    """The path of a file that a study wrote.

    Raises:
        UnreadableFile: a name that could lead elsewhere.
    """
    if not all(_SAFE_NAME.fullmatch(name) and name.strip(".") for name in names):
        raise UnreadableFile(f"the store names a file that no search writes: {'/'.join(names)}")
    return below(study["storage_path"], *names)


def below(storage_path: str, *names: str) -> str:
    """Names below a folder or an S3 URL, whose query (an endpoint, a region) stays at its end."""
    place, mark, query = storage_path.partition("?") if "://" in storage_path else (storage_path, "", "")
    return "/".join((place.rstrip("/"), *names)) + mark + query


def file_system(path: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URL, and the path in it."""
    if "://" not in path:
        return fs.LocalFileSystem(), str(Path(path).resolve())
    scheme, netloc, inner, query, _ = urlsplit(path)
    if scheme == "file":
        return fs.FileSystem.from_uri(path)
    system, bucket = _opened(urlunsplit((scheme, netloc, "", query, "")))
    return system, bucket.rstrip("/") + unquote(inner)


@lru_cache(maxsize=8)
def _opened(url: str) -> tuple[fs.FileSystem, str]:
    """A bucket, opened once: S3 is asked for its region, and connections are kept."""
    return fs.FileSystem.from_uri(url)


def cached(read: Callable, path: str, *arguments, is_large: bool = False):
    """`read(file, *arguments)`, or what was read from that version of the file before; None where there is none.

    Args:
        is_large: it comes to megabytes, so only a few are kept.

    Raises:
        UnreadableFile: it is half-written, or cannot be reached.
    """
    try:
        system, inner = file_system(path)
        info = system.get_file_info(inner)
        if info.type != fs.FileType.File:
            return None
        return (_few if is_large else _versioned)(read, path, info.mtime_ns, info.size, *arguments)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"cannot read {path}, which its search may not have finished: {reason}") from None


_BY_NAME = {FunctionType: lambda read: read.__name__}


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_BY_NAME)
def _versioned(read: Callable, path: str, modified_ns: int, size: int, *arguments):
    return _read(read, path, *arguments)


@st.cache_data(max_entries=12, show_spinner=False, hash_funcs=_BY_NAME)
def _few(read: Callable, path: str, modified_ns: int, size: int, *arguments):
    return _read(read, path, *arguments)


def _read(read: Callable, path: str, *arguments):
    system, inner = file_system(path)
    with system.open_input_file(inner) as file:
        return read(file, *arguments)
