"""What thumbnails and encoders make of a picture alike."""

from PIL import Image, ImageOps

MOST_PIXELS = 50_000_000
"""Pixels past which a picture is refused before it is decoded: 200 MB of RGBA."""


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says, in RGBA where it has transparency, else in RGB."""
    turned = ImageOps.exif_transpose(picture)
    return turned.convert("RGBA" if turned.has_transparency_data else "RGB")


def on_white(picture: Image.Image) -> Image.Image:
    """An RGB picture as it is, an RGBA one laid on white, as shops show it."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
