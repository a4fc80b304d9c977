"""Pictures of items: small, from inside the data set's folder only."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path, PurePosixPath

import streamlit as st
from PIL import Image

MAX_IMAGE_BYTES = 8 << 20
THUMBNAIL_PIXELS = 112


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
