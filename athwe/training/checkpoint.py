"""Checkpoints: a folder of safetensors and JSON, written under another name and renamed, so never half there.

A model folder is what `athwe.load` needs: weights, item tables, external ids. A training state holds in addition
what training needs to go on as if it had never stopped.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from athwe.errors import CheckpointError
from athwe.files import replacing

FORMAT_VERSION = 1
MODEL = "model"
"""Name of the weights and facts that a model folder holds."""
TRAINING = "training"
"""Name of what a training state holds beside them."""


def write_checkpoint(path: Path, parts: Mapping[str, tuple[Mapping[str, Tensor], Mapping[str, Any]]]) -> None:
    """Write `<part>.safetensors` and `<part>.json` for every part, replacing what is at `path` as a whole.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    with replacing(path) as temporary:
        temporary.mkdir()
        for name, (tensors, facts) in parts.items():
            _save_tensors(tensors, temporary / f"{name}.safetensors")
            content = json.dumps({"format_version": FORMAT_VERSION, **facts}, ensure_ascii=False)
            (temporary / f"{name}.json").write_text(content, encoding="utf-8")


def _save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
    except SafetensorError as error:  # what the system said is in its text only
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_checkpoint(path: Path, part: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and facts of one part of a checkpoint.

    Raises:
        CheckpointError: missing, damaged, or of another format.
    """
    try:
        facts = json.loads((path / f"{part}.json").read_text(encoding="utf-8"))
        tensors = load_file(path / f"{part}.safetensors")
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} is no checkpoint with a {part} part: expected {part}.json and {part}.safetensors there"
        ) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the {part} part of checkpoint {path}: {error}") from None
    if not isinstance(facts, dict) or facts.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(f"checkpoint {path} is not of format version {FORMAT_VERSION}")
    return tensors, facts
