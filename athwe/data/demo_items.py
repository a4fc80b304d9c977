"""Titles, categories and thumbnails of the demo's items. All names are made up."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64
from PIL import Image, ImageDraw

THEMES = {  # two themes share a department, so the categories tell less than the text does
    "Baking": ("Kitchen", "Whisk|Loaf Tin|Rolling Pin|Dough Bowl|Cake Stand|Flour Sifter|Pastry Brush|Oven Mitt"),
    "Coffee": ("Kitchen", "Pour-Over|Hand Grinder|Espresso Cup|Kettle|Milk Jug|Bean Canister|Moka Pot|Tamper"),
    "Camping": ("Outdoors", "Tent|Sleeping Bag|Camp Stove|Lantern|Trail Mug|Hammock|Head Torch|Folding Chair"),
    "Cycling": ("Outdoors", "Pannier|Bike Light|Saddle|Handlebar Bag|Bell|Track Pump|Rain Cape|Bottle Cage"),
    "Garden": ("Home", "Watering Can|Trowel|Plant Pot|Seed Tray|Pruner|Kneeling Pad|Bird Feeder|Trellis"),
    "Reading": ("Home", "Book Stand|Reading Lamp|Bookend|Page Light|Armchair Throw|Wall Shelf|Footstool|Side Table"),
    "Painting": ("Studio", "Sketchbook|Brush Set|Easel|Watercolour Box|Ink Bottle|Palette|Canvas Roll|Pastel Case"),
    "Music": ("Studio", "Metronome|Guitar Strap|Music Stand|Ukulele|Tuner|Drum Pad|Kalimba|Mute"),
}
"""Theme: its department and the nouns of its titles."""
TAGS = {"Handmade": 0.25, "Recycled": 0.2}
"""Further categories and the share of items that have them; they predict nothing."""
BRANDS = (
    "Norvane Tarrowby Quillmere Ostrel Fennick Halvard&Lo Brisemoor Kestwick Lumeno Pallister Vantry Wrenfold".split()
)
ADJECTIVES = "Classic Compact Everyday Folding Quiet Sturdy Slim Little Grand Weekend Nimble Evening".split()
PALETTES = (  # background and figure of each style
    ("#f6e3d3", "#c8553d"),
    ("#d9e8f5", "#2a6f97"),
    ("#e3efd9", "#4f772d"),
    ("#2b2d42", "#edb458"),
    ("#f3dff0", "#8e4585"),
    ("#fbf3c8", "#b5830f"),
    ("#12353b", "#7fd1ae"),
    ("#e9e9e9", "#3a3a3a"),
)
SIZE_PIXELS = 112
OVERSAMPLING = 3
"""Drawn this many times larger, then scaled down: Pillow draws without smoothing."""


def draw_titles(theme: Int64[np.ndarray, " items"], generator: np.random.Generator) -> list[str]:
    """A different title for each item, such as "Norvane Compact Whisk"."""
    choices = []
    for _, nouns in THEMES.values():
        pairs = [f"{adjective} {noun}" for noun in nouns.split("|") for adjective in ADJECTIVES]
        choices.append(iter(generator.permutation(pairs).tolist()))
    brands = generator.choice(BRANDS, size=len(theme)).tolist()
    return [f"{brand.replace('&', ' & ')} {next(choices[index])}" for brand, index in zip(brands, theme, strict=True)]


def category_names() -> list[str]:
    """Columns of the category matrix."""
    return [*dict.fromkeys(department for department, _ in THEMES.values()), *TAGS]


def draw_categories(
    theme: Int64[np.ndarray, " items"], generator: np.random.Generator
) -> Float32[np.ndarray, "items A"]:
    """Multi-hot departments and tags in the order of `category_names`."""
    names = category_names()
    departments = np.array([names.index(department) for department, _ in THEMES.values()])
    department = np.eye(len(names) - len(TAGS), dtype=np.float32)[departments[theme]]
    tags = generator.random((len(theme), len(TAGS))) < list(TAGS.values())
    return np.hstack([department, tags.astype(np.float32)])


def write_thumbnails(
    folder: Path, tokens: list[str], theme: Int64[np.ndarray, " items"], style: Int64[np.ndarray, " items"]
) -> None:
    """`<token>.jpg` for each item: colours by style, the figure by theme."""
    folder.mkdir()
    pictures = {pair: _draw(*pair) for pair in set(zip(theme.tolist(), style.tolist(), strict=True))}
    for token, pair in zip(tokens, zip(theme.tolist(), style.tolist(), strict=True), strict=True):
        pictures[pair].save(folder / f"{token}.jpg", quality=88)


def _draw(theme: int, style: int) -> Image.Image:
    """A figure with three to six corners, or round, upright or with its middle cut out."""
    background, colour = PALETTES[style]
    size = SIZE_PIXELS * OVERSAMPLING
    picture = Image.new("RGB", (size, size), background)
    draw = ImageDraw.Draw(picture)
    corners, is_hollow = (3, 4, 6, 0)[theme % 4], theme >= 4
    for radius, fill in ((0.36, colour), *([(0.18, background)] if is_hollow else [])):
        circle = (size / 2, size / 2, size * radius)
        if corners:
            draw.regular_polygon(circle, corners, fill=fill)
        else:
            draw.circle(circle[:2], circle[2], fill=fill)
    return picture.resize((SIZE_PIXELS, SIZE_PIXELS), Image.Resampling.LANCZOS)
