"""Put rows into the published files, with what they were made by beside them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from athwe.config import Modality
from athwe.data.keyed_features import KEYED_FILE, has_keyed
from athwe.data.modalities import FEATURE_FILES, ITEM_LIST, check_item_list
from athwe.data.tables import file_digest
from athwe.errors import DataError
from athwe.files import replacing
from athwe.prepare.writing import write_item_list

RECORD_FILE = "features.json"
"""By tensor file: the encoder, its weights, settings and library versions, and the tensor file's SHA-256."""


def require_replaceable(folder: Path, modality: Modality, replace: bool) -> None:
    """Refuse to write over features that this command did not make, or where they would not be read.

    Raises:
        DataError: there are such features; the message says what to do.
    """
    if has_keyed(folder, modality):
        raise DataError(
            f"{folder / KEYED_FILE} holds '{modality}' and goes before {FEATURE_FILES[modality]}: remove it, or its "
            "tensor, to have the features made anew"
        )
    path = folder / FEATURE_FILES[modality]
    if path.exists() and not replace and not _is_ours(folder, path):
        raise DataError(f"{path} exists and was not made by this command; --replace-features writes over it")


def _is_ours(folder: Path, path: Path) -> bool:
    made = read_record(folder).get(path.name)
    return isinstance(made, dict) and made.get("sha256") == file_digest(path)


def write_tensor(folder: Path, modality: Modality, rows: Float32[np.ndarray, "N D"], about: Mapping[str, Any]) -> Path:
    """Write `txt_emb.pt` or `img_emb.pt`, and the record of it just before: it names the bytes it is about.

    Raises:
        OSError: the folder cannot be written; the old file then stands.
    """
    path = folder / FEATURE_FILES[modality]
    with replacing(path) as temporary:
        torch.save(torch.from_numpy(rows), temporary)
        record = {**read_record(folder), path.name: {**about, "sha256": file_digest(temporary)}}
        with replacing(folder / RECORD_FILE) as temporary_record:
            temporary_record.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_record(folder: Path) -> dict[str, Any]:
    """What `features.json` says by file name; nothing where there is none.

    Raises:
        DataError: it is no record.
    """
    path = folder / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it to have it written anew") from None
    if not isinstance(record, dict):
        raise DataError(f"{path} must hold one entry for each feature file, found {type(record).__name__}")
    return record


def keep_item_list(folder: Path, item_tokens: Sequence[str]) -> None:
    """Write `items.tsv`, the numbering the tensors are for, where there is none; one that is there must agree.

    Args:
        item_tokens: by internal id, the first is padding.

    Raises:
        DataError: it gives other items.
    """
    path = folder / ITEM_LIST
    try:
        check_item_list(path, np.asarray(item_tokens))
    except DataError as error:
        raise DataError(f"{error}. Remove it and the .pt files beside it first") from None
    if not path.exists():
        with replacing(path) as temporary:
            write_item_list(temporary, item_tokens[1:])
