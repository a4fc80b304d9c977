"""`features.safetensors`: features that name the item of each row, so that no order can be wrong."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open
from torch import Tensor

from athwe.errors import DataError, shown

KEYED_FILE = "features.safetensors"
TOKENS_KEY = "item_tokens"
"""Metadata entry with the item token of each row, separated by line feeds."""
MOST_WIDTH = 1 << 16
"""Numbers an item; every item gets as many, those that are not in the file, too."""


def has_keyed(folder: Path, key: str) -> bool:
    """Whether the data set has a keyed file with the tensor `key` (txt, img or cat)."""
    path = folder / KEYED_FILE
    if not path.exists():
        return False
    with _open(path) as file:
        return key in file.keys()  # noqa: SIM118 - a safetensors file is no mapping


def read_keyed(folder: Path, key: str, item_tokens: np.ndarray) -> Float32[np.ndarray, "N _"]:
    """Rows of the tensor `key` by internal item; items that are not in the file get a zero row, others are left out.

    Raises:
        DataError: no tokens, tokens that repeat or do not match the rows, or values that are not finite.
    """
    path = folder / KEYED_FILE
    with _open(path) as file:
        tokens = (file.metadata() or {}).get(TOKENS_KEY, "").split("\n")
        tensor = _tensor(file, key, path)
    if tensor.ndim != 2 or len(tensor) != len(tokens) or len(set(tokens)) != len(tokens):
        raise DataError(
            f"{path}: tensor '{key}' of shape {tuple(tensor.shape)} needs one row for each of the {len(tokens):,} "
            f"different tokens in its metadata entry '{TOKENS_KEY}' (separated by line feeds)"
        )
    if not 0 < tensor.shape[1] <= MOST_WIDTH:
        raise DataError(
            f"{path}: tensor '{key}' has {tensor.shape[1]:,} numbers an item; the most is {MOST_WIDTH:,}, the least 1"
        )
    if tensor.is_complex() or not (tensor.is_floating_point() or key == "cat"):
        raise DataError(f"{path}: tensor '{key}' must be floating-point, found {tensor.dtype}")
    row_of = {token: row for row, token in enumerate(tokens)}
    row = np.array([row_of.get(token, -1) for token in item_tokens.tolist()])
    row[0] = -1
    array = np.where(row[:, None] >= 0, tensor.float().numpy()[row], np.float32(0))
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        raise DataError(f"{path}: '{key}' has NaN or infinite values, first for item {item_tokens[bad.argmax()]!r}")
    return array


def _tensor(file, key: str, path: Path) -> Tensor:
    try:
        return file.get_tensor(key)
    except (SafetensorError, AttributeError, KeyError, ValueError, RuntimeError) as error:  # types that torch lacks
        raise DataError(f"{path}: tensor '{key}' cannot be read: {shown(error)}") from None


def _open(path: Path):
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a safetensors file: {error}") from None
