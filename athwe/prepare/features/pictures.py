"""Read one picture safely: what is broken or a decompression bomb is said so, nothing else comes through."""

from pathlib import Path

from PIL import Image

from athwe.prepare.features.encoder import UnreadableInput
from athwe.prepare.pictures import MOST_PIXELS, on_white, upright


def open_picture(path: Path) -> Image.Image:
    """The picture upright in RGB; transparency is laid on white, as shops show it; of an animation the first frame.

    Raises:
        UnreadableInput: no picture, a broken one, or one of too many pixels.
    """
    try:
        with Image.open(path) as picture:  # reads the header only
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise UnreadableInput(f"{width:,} × {height:,} pixels are more than {MOST_PIXELS:,}")
            return on_white(upright(picture))
    except Image.DecompressionBombError as error:
        raise UnreadableInput(str(error)) from None
    except UnreadableInput:
        raise
    except Exception as error:  # whatever a damaged file makes of the many decoders
        raise UnreadableInput(f"cannot be decoded ({type(error).__name__}: {error})") from None
