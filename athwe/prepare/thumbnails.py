"""Thumbnails of somebody's images, decoded within limits."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from athwe.errors import DataError
from athwe.prepare.file_names import image_name, safe_name
from athwe.prepare.pictures import MOST_PIXELS, on_white, upright

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
QUALITY = 88


@dataclass(frozen=True)
class Thumbnails:
    """Which items got one."""

    made: set[str]
    broken: dict[str, str]
    """Why an item's image could not be used."""


def find_images(folder: Path, tokens: Sequence[str]) -> dict[str, Path]:
    """Images whose name is an item id, as it is or as `safe_name` writes it.

    Raises:
        DataError: no such folder.
    """
    try:
        by_stem = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}
    except OSError as error:
        raise DataError(f"cannot read the folder of images {folder}: {error.strerror}") from None
    found = {token: by_stem.get(token) or by_stem.get(safe_name(token)) for token in tokens}
    return {token: path for token, path in found.items() if path}


def write_thumbnails(
    folder: Path, images: Mapping[str, Path], size_pixels: int, told: Callable[[int], None]
) -> Thumbnails:
    """Write a JPEG for each item that has an image, its longer side `size_pixels` at most.

    Args:
        folder: is made.
        images: an image file by item.
        told: is called with the number of images done since.
    """
    folder.mkdir()
    broken: dict[str, str] = {}
    made: set[str] = set()

    def write(pair: tuple[str, Path]) -> tuple[str, str | None]:
        token, path = pair
        return token, shrink(path, folder / image_name(token), size_pixels)

    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding the interpreter
        for token, problem in pool.map(write, images.items()):
            told(1)
            if problem:
                broken[token] = problem
            else:
                made.add(token)
    return Thumbnails(made, broken)


def shrink(path: Path, target: Path, size_pixels: int) -> str | None:
    """Write a thumbnail; what is wrong with the image, if anything is."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return f"{image.width:,} × {image.height:,} pixels, above the limit of {MOST_PIXELS:,}"
            image.draft("RGB", (size_pixels, size_pixels))
            small = upright(image)  # a thumbnail has no EXIF that could say how to turn it
        small.thumbnail((size_pixels, size_pixels), Image.Resampling.LANCZOS)
        on_white(small).save(target, "JPEG", quality=QUALITY)
    except Exception as error:  # whatever a damaged or hostile file makes of a decoder; it is counted and shown
        target.unlink(missing_ok=True)
        return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return None
