"""Frozen item features and categories from `.pt` or `features.safetensors`, row i for internal item i."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from athwe.config import Modality
from athwe.data.keyed_features import has_keyed, read_keyed
from athwe.data.tables import read_columns
from athwe.data.tensor_file import read_tensor
from athwe.errors import DataError, quoted

FEATURE_FILES: dict[Modality, str] = {"txt": "txt_emb.pt", "img": "img_emb.pt"}
ATTRIBUTE_FILE = "cat.pt"
ITEM_LIST = "items.tsv"


def read_features(
    folder: Path, item_tokens: np.ndarray, modalities: tuple[Modality, ...] | None
) -> dict[str, Float32[np.ndarray, "N _"]]:
    """Features of the listed modalities, or of every one that has a file where none are listed.

    Raises:
        DataError: a listed modality without a file, or a file that does not fit the items.
    """
    features = {}
    for modality, file_name in FEATURE_FILES.items():
        if modality not in (modalities or FEATURE_FILES):
            continue
        array = _read_aligned(folder, file_name, modality, item_tokens)
        if array is not None:
            features[modality] = array
        elif modalities:
            raise DataError(
                f"modality '{modality}' is listed in modalities, but {folder / file_name} does not exist; "
                "add the file or take it off the list"
            )
    return features


def read_attributes(folder: Path, item_tokens: np.ndarray) -> Float32[np.ndarray, "N A"] | None:
    """Multi-hot categories, None where the data set has none.

    Raises:
        DataError: a file that does not fit the items or holds anything but 0 and 1.
    """
    array = _read_aligned(folder, ATTRIBUTE_FILE, "cat", item_tokens)
    if array is not None and not np.isin(array, (0, 1)).all():
        raise DataError(f"categories in {folder / ATTRIBUTE_FILE} must be 0 or 1 (multi-hot), found other values")
    return array


def _read_aligned(folder: Path, file_name: str, key: str, item_tokens: np.ndarray) -> np.ndarray | None:
    if has_keyed(folder, key):
        return read_keyed(folder, key, item_tokens)
    path = folder / file_name
    if not path.exists():
        return None
    check_item_list(folder / ITEM_LIST, item_tokens)
    return _read_tensor(path, len(item_tokens), whole_numbers=key == "cat")


def _read_tensor(path: Path, n_items: int, whole_numbers: bool) -> Float32[np.ndarray, "N _"]:
    tensor = read_tensor(path)
    if tensor.ndim != 2 or not tensor.shape[1]:
        raise DataError(f"{path} must hold a tensor (n_items + 1, width), found shape {tuple(tensor.shape)}")
    if tensor.is_complex() or not (tensor.is_floating_point() or whole_numbers):
        raise DataError(f"{path} must hold a floating-point tensor, found {tensor.dtype}")
    if len(tensor) != n_items:
        raise DataError(
            f"{path} has {len(tensor):,} rows, expected {n_items:,}: one for padding and one for each of the "
            f"{n_items - 1:,} items that are left after filtering, in order of first appearance in the .inter file"
        )
    array = tensor.to(torch.float32).numpy()
    require_finite(array, path)
    if array[0].any():
        raise DataError(f"row 0 of {path} is the padding item's and must be all zero")
    return np.ascontiguousarray(array)


def check_item_list(path: Path, item_tokens: np.ndarray) -> None:
    """Compare `items.tsv`, where there is one, with the numbering: it says for which the tensors were written.

    Raises:
        DataError: it gives another item, or none, for a number.
    """
    if not path.exists():
        return
    table = read_columns(path, ("internal_id", "item_id"))
    listed = dict(zip(table["internal_id"].to_pylist(), table["item_id"].to_pylist(), strict=True))
    for number, token in enumerate(item_tokens.tolist()):
        found = listed.get(str(number))
        if number and found != token:
            raise DataError(
                f"{path} gives item {number} as {quoted(found)}, but filtering made it {token!r}: the "
                "tensors beside it were written for other interactions or filter settings; write them again"
            )


def require_finite(array: Float32[np.ndarray, "N D"], path: Path) -> None:
    """Refuse NaN and infinity, naming the first row that has one."""
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        raise DataError(f"{path} has NaN or infinite values in {bad.sum():,} rows, the first is row {bad.argmax()}")
