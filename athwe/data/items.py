"""The `.item` file: what a person sees of an item."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from athwe.data.tables import longest_text, read_columns
from athwe.errors import DataError

COLUMNS = ("title", "categories", "image")
IMAGE_FOLDER = "images"
MOST_CELL_CHARACTERS = 10_000
"""What is shown of an item is meant for people."""


def read_items(folder: Path, name: str, item_field: str, item_tokens: np.ndarray) -> pd.DataFrame:
    """Titles, categories and image paths of the items, for display.

    Returns:
        Columns item_id, title, categories, image (texts), a row for each of `item_tokens[1:]`. Without an entry the
        token is the title and the rest is "". An image is a path below `folder`, and only named when it is there.

    Raises:
        DataError: a `.item` file that is no table with the item column.
    """
    path = folder / f"{name}.item"
    tokens = pd.Index(item_tokens[1:].tolist(), name="item_id", dtype=object)
    if path.exists():
        table = read_columns(path, (item_field,), COLUMNS)
        _require_short_cells(table, path)
        found = table.to_pandas().astype(object)
        found = found.drop_duplicates(item_field).set_index(item_field)
    else:
        found = pd.DataFrame(index=pd.Index([], dtype=object))
    items = found.reindex(index=tokens, columns=list(COLUMNS)).fillna("")
    items["title"] = items["title"].where(items["title"] != "", items.index.to_series())
    items["image"] = _existing_images(folder, items["image"].to_dict())
    return items.rename_axis("item_id").reset_index()


def _require_short_cells(table: pa.Table, path: Path) -> None:
    for name in table.column_names:
        longest = longest_text(table[name])
        if longest > MOST_CELL_CHARACTERS:
            raise DataError(
                f"{path} has a {name} of {longest:,} characters; the most is {MOST_CELL_CHARACTERS:,}: shorten it"
            )


def _existing_images(folder: Path, stated: Mapping[str, str]) -> list[str]:
    present = {f"{IMAGE_FOLDER}/{path.name}" for path in (folder / IMAGE_FOLDER).glob("*")}
    choices = ((image, f"{IMAGE_FOLDER}/{token}.jpg") for token, image in stated.items())
    return [next((path for path in choice if path in present), "") for choice in choices]
