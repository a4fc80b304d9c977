"""The files beside the store: recommendations, histories, items, diagnostics, images. Never read whole, never left."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import FunctionType
from urllib.parse import unquote, urlsplit, urlunsplit

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st
from PIL import Image
from pyarrow import fs

MAX_LISTED_USERS = 200_000
"""Users that can be searched by a part of their id; any other is found by the whole of it."""

MAX_IMAGE_BYTES = 8 << 20
THUMBNAIL_PIXELS = 112
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]+")


class UnreadableFile(Exception):
    """A file that a search wrote and that cannot be read; the message is one line for the user."""


def recommendations_path(study: dict, trial_id: str) -> str:
    """Where the recommendations of a trial are."""
    return _inside(study, "recommendations", f"{trial_id}.parquet")


def histories_path(study: dict) -> str:
    """Where the users' histories of a study's data are."""
    return _inside(study, "data", study["data_fingerprint"], "histories.parquet")


def items_path(study: dict) -> str:
    """Where titles, categories and image paths of a study's data are."""
    return _inside(study, "data", study["data_fingerprint"], "items.parquet")


@st.cache_data(ttl=2, max_entries=16, show_spinner=False)
def recommended_trials(storage_path: str) -> set[str]:
    """Ids of the trials that have written recommendations.

    Raises:
        UnreadableFile: the storage path cannot be reached.
    """
    folder = _below(storage_path, "recommendations")
    try:
        system, inner = _file_system(folder)
        found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"cannot look into {folder}: {' '.join(str(error).split())}") from None
    files = (Path(info.path) for info in found)
    return {file.stem for file in files if file.suffix == ".parquet" and not file.name.startswith(".")}


def users(path: str) -> pa.ChunkedArray | None:
    """User tokens of a file, sorted, at most MAX_LISTED_USERS of them; None where there is no file."""
    return _cached(_users, path)


def user_row(path: str, user: str) -> dict | None:
    """The row of one user, from the one row group that can hold it; None where there is no file or no such user."""
    return _cached(_user_row, path, user)


def items(path: str, item_ids: tuple[str, ...]) -> pd.DataFrame:
    """Title, categories and image of these items by `item_id`; an item that is not there has its id as title."""
    known = _cached(_items, path, tuple(sorted(set(item_ids))))
    known = pd.DataFrame(columns=["title", "categories", "image"]) if known is None else known
    frame = known.reindex(pd.Index(item_ids, name="item_id").unique())
    frame["title"] = frame["title"].where(frame["title"].notna() & (frame["title"] != ""), frame.index)
    frame["categories"] = [list(names) if isinstance(names, list) else [] for names in frame["categories"]]
    return frame.fillna({"image": ""})


def diagnostics(study: dict, trial_id: str) -> dict | None:
    """What a trial's model learnt, as its search wrote it down; None where it has not."""
    return _cached(_diagnostics, _inside(study, "diagnostics", f"{trial_id}.json"))


def thumbnail(folder: str | None, image: str) -> str | None:
    """A small JPEG of an item's picture as a data URL; None where there is none, or where it lies outside `folder`."""
    path = image_file(folder, image)
    return None if path is None else _thumbnail(str(path), path.stat().st_mtime)


def image_file(folder: str | None, image: str) -> Path | None:
    """The file of a picture, only if it is inside the data set's folder once every link is followed."""
    parts = PurePosixPath(image).parts
    if not folder or not parts or "\0" in image or ".." in parts or PurePosixPath(image).is_absolute():
        return None
    root = Path(folder).resolve()
    path = (root / image).resolve()
    if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > MAX_IMAGE_BYTES:
        return None
    return path


@st.cache_data(max_entries=2000, show_spinner=False)
def _thumbnail(path: str, _modified: float) -> str | None:
    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP", "GIF")) as picture:
            picture.draft("RGB", (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    except (OSError, ValueError, Image.DecompressionBombError):  # a broken picture is no reason to hide the item
        return None
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()


def _inside(study: dict, *names: str) -> str:
    if not all(_SAFE_NAME.fullmatch(name) and name.strip(".") for name in names):
        raise UnreadableFile(f"the store names a file that no search writes: {'/'.join(names)}")
    return _below(study["storage_path"], *names)


def _below(storage_path: str, *names: str) -> str:
    """Names below a folder or an S3 URL, whose query (an endpoint, a region) stays at its end."""
    place, mark, query = storage_path.partition("?") if "://" in storage_path else (storage_path, "", "")
    return "/".join((place.rstrip("/"), *names)) + mark + query


def _file_system(path: str) -> tuple[fs.FileSystem, str]:
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


def _cached(read: Callable, path: str, *arguments):
    """Read a file, or take what was read from that version of it before; None where there is none."""
    try:
        system, inner = _file_system(path)
        info = system.get_file_info(inner)
        return None if info.type != fs.FileType.File else _versioned(read, path, info.mtime_ns, info.size, *arguments)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"cannot read {path}, which its search may not have finished: {reason}") from None


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs={FunctionType: lambda read: read.__name__})
def _versioned(read: Callable, path: str, modified_ns: int, size: int, *arguments):
    system, inner = _file_system(path)
    with system.open_input_file(inner) as file:
        return read(file, *arguments)


def _users(file: pa.NativeFile) -> pa.ChunkedArray:
    parquet = pq.ParquetFile(file)
    groups, rows = [], 0
    for group in range(parquet.num_row_groups):
        if rows >= MAX_LISTED_USERS:
            break
        groups.append(group)
        rows += parquet.metadata.row_group(group).num_rows
    return parquet.read_row_groups(groups, columns=["user"]).column("user")


def _user_row(file: pa.NativeFile, user: str) -> dict | None:
    parquet = pq.ParquetFile(file)
    column = parquet.schema.names.index("user")
    for group in range(parquet.num_row_groups):
        statistics = parquet.metadata.row_group(group).column(column).statistics
        if statistics is not None and statistics.has_min_max and not statistics.min <= user <= statistics.max:
            continue
        table = parquet.read_row_group(group)
        found = table.filter(pc.equal(table.column("user"), user))
        if found.num_rows:
            return found.slice(0, 1).to_pylist()[0]
    return None


def _items(file: pa.NativeFile, item_ids: tuple[str, ...]) -> pd.DataFrame:
    wanted = pa.array(item_ids, pa.string())
    found: list[dict] = []
    for batch in pq.ParquetFile(file).iter_batches(batch_size=8192):
        found += batch.filter(pc.is_in(batch.column("item_id"), wanted)).to_pylist()
    return pd.DataFrame(found, columns=["item_id", "title", "categories", "image"]).set_index("item_id")


def _diagnostics(file: pa.NativeFile) -> dict:
    return json.loads(file.read())
