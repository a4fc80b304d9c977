"""Read one picture safely: what is broken or a decompression bomb is said so, nothing else comes through."""

from pathlib import Path

from PIL import Image, ImageOps

from athwe.prepare.features.encoder import UnreadableInput

PIXELS_MOST = 50_000_000
"""Pixels past which a picture is refused before it is decoded: 200 MB of RGBA."""


def open_picture(path: Path) -> Image.Image:
    """The picture upright in RGB; transparency is laid on white, as shops show it; of an animation the first frame.

    Raises:
        UnreadableInput: no picture, a broken one, or one of too many pixels.
    """
    try:
        with Image.open(path) as picture:  # reads the header only
            width, height = picture.size
            if width * height > PIXELS_MOST:
                raise UnreadableInput(f"{width:,} × {height:,} pixels are more than {PIXELS_MOST:,}")
            upright = ImageOps.exif_transpose(picture)
            if not upright.has_transparency_data:
                return upright.convert("RGB")
            opaque = upright.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert("RGB")
    except Image.DecompressionBombError as error:
        raise UnreadableInput(str(error)) from None
    except UnreadableInput:
        raise
    except Exception as error:  # whatever a damaged file makes of the many decoders
        raise UnreadableInput(f"cannot be decoded ({type(error).__name__}: {error})") from None
