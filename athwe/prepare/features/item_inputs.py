"""What is encoded of each item: its words from the `.item` file, its picture below the data set's folder."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from athwe.data.items import read_items
from athwe.data.tables import file_digest, read_columns
from athwe.errors import DataError
from athwe.prepare.features.encoded_rows import content_key

TEXT_FIELDS = ("title", "categories", "description")
"""Columns of the `.item` file that are encoded where nothing else is asked for, those that are there."""


@dataclass(frozen=True)
class ItemInputs:
    """What there is to encode, each different text or picture once."""

    what: str
    """In words: text or picture."""
    keys: Sequence[bytes | None]
    """Content key by internal item; None for padding and for items that have nothing."""
    sources: Mapping[bytes, str | Path]
    """Text or picture's path by content key, in the order to encode them in."""
    about: Mapping[str, Any]
    """What the record says of them."""


def text_inputs(
    folder: Path, name: str, item_field: str, item_tokens: np.ndarray, fields: Sequence[str] | None
) -> ItemInputs:
    """Each item's fields as sentences; the longest are encoded first, so that batches are of one length.

    Args:
        fields: columns of the `.item` file; None takes those of `TEXT_FIELDS` that are there.

    Raises:
        DataError: no `.item` file, or without the columns.
    """
    path = folder / f"{name}.item"
    if not path.exists():
        raise DataError(f"text features are made from {path}, which does not exist (dataset/README.md)")
    table = read_columns(path, (item_field, *(fields or ())), TEXT_FIELDS if fields is None else ())
    used = table.column_names[1:]
    if not used:
        raise DataError(f"{path} has none of the columns {', '.join(TEXT_FIELDS)}; name others with --text-fields")
    text_of: dict[str, str] = {}
    columns = [_words(table[column].to_pylist(), column) for column in table.column_names]
    for token, *parts in zip(*columns, strict=True):
        text_of.setdefault(token, as_sentences(parts))
    texts = [text_of.get(token, "") for token in item_tokens.tolist()]
    keys = [content_key(text.encode()) if text else None for text in texts]
    sources = {key: text for key, text in zip(keys, texts, strict=True) if key is not None}
    longest_first = dict(sorted(sources.items(), key=lambda entry: -len(entry[1])))
    return ItemInputs("text", [None, *keys[1:]], longest_first, {"text_fields": used})


def picture_inputs(folder: Path, name: str, item_field: str, item_tokens: np.ndarray) -> ItemInputs:
    """Each item's picture: the `image` of the `.item` file, else `images/<item_id>.jpg`, where the file is there.

    Raises:
        DataError: a `.item` file that is no table with the item column, or a picture's file that cannot be read.
    """
    images = read_items(folder, name, item_field, item_tokens)["image"]
    paths = [None, *(folder / image if image else None for image in images)]
    keys = [bytes.fromhex(file_digest(path)) if path else None for path in paths]
    sources = {key: path for key, path in zip(keys, paths, strict=True) if key is not None and path is not None}
    return ItemInputs("picture", keys, sources, {})


def _words(cells: list[str], column: str) -> list[str]:
    """A category is one word in the `.item` file, `Kitchen_&_Dining`, and several to an encoder."""
    return [cell.replace("_", " ") for cell in cells] if column == "categories" else cells


def as_sentences(parts: Sequence[str]) -> str:
    """Join fields to one text; entities such as `&amp;` are resolved and white space is single.

    >>> as_sentences(["Tea &amp; Co", "", "Very  good!"])
    'Tea & Co. Very good!'
    """
    clean = (" ".join(html.unescape(part).split()) for part in parts)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in clean if part)
