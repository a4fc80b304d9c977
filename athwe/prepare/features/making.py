"""From a data set folder and two encoders' names to `txt_emb.pt` and `img_emb.pt`."""

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from athwe.config import DataConfig, Modality
from athwe.config_files import load_config
from athwe.data.interactions import read_interactions
from athwe.data.modalities import FEATURE_FILES
from athwe.device import resolve_device
from athwe.errors import DataError
from athwe.prepare.features.encoder import Choice
from athwe.prepare.features.encoding import encode
from athwe.prepare.features.image_encoders import choose_image_encoder
from athwe.prepare.features.item_inputs import ItemInputs, picture_inputs, text_inputs
from athwe.prepare.features.text_encoders import choose_text_encoder
from athwe.prepare.features.writing import keep_item_list, require_replaceable, write_tensor

logger = logging.getLogger(__name__)

BATCH_SIZE = {"cuda": 256}
"""Items at once by kind of device; 32 elsewhere."""
SHOWN = 5
"""Items named where features are missing."""


@dataclass(frozen=True)
class FeatureReport:
    """What became of one modality."""

    path: Path
    what: str
    """What is encoded: text or picture."""
    items: int
    width: int
    encoded: int
    """Different texts or pictures encoded now."""
    without: Sequence[str]
    """Ids of items that have no text, or no picture; their rows are zero."""
    unreadable: Mapping[str, str]
    """Ids of items whose picture is broken or refused, and why; their rows are zero."""
    seconds: float


def check_encoders(options: argparse.Namespace) -> dict[Modality, Choice]:
    """Find the encoders that were asked for, before work whose result could not be encoded; by modality.

    Raises:
        EncoderError: one is not found.
        ConfigError: no such device.
    """
    choices: dict[Modality, Choice] = {}
    if not (options.text_encoder or options.image_encoder):
        return choices
    device = resolve_device(options.device)
    if options.text_encoder:
        choices["txt"] = choose_text_encoder(options.text_encoder, options.pooling, device)
    if options.image_encoder:
        choices["img"] = choose_image_encoder(options.image_encoder, device)
    return choices


def write_features(
    folder: Path,
    name: str,
    options: argparse.Namespace,
    config: DataConfig | None = None,
    choices: dict[Modality, Choice] | None = None,
) -> list[FeatureReport]:
    """Make the features that the flags of `add_feature_flags` ask for, and tell of each through logging.

    A run that was killed is taken up where it was; texts and pictures that the same encoder has seen in any data set
    are not encoded again (`encoded_rows.py`).

    Args:
        folder: the data set's, with `<name>.inter`, and `<name>.item` and `images/` for what is encoded.
        config: whose filter numbers the items; by default that of `config/<name>.yaml`.
        choices: what `check_encoders` has found; by default it is asked.

    Raises:
        EncoderError: an encoder that is not found, not loaded, or gives no finite features.
        DataError: the folder breaks the contract of `dataset/README.md`, or has features that are not ours to replace.
        ConfigError: the data set's configuration or the device cannot be used.
    """
    asked: dict[Modality, str | None] = {"txt": options.text_encoder, "img": options.image_encoder}
    for modality, encoder in asked.items():
        if encoder:
            require_replaceable(folder, modality, options.replace_features)  # before weights come from a hub
    choices = check_encoders(options) if choices is None else choices
    if not choices:
        return []
    config = config or load_config(name)
    item_tokens = read_interactions(folder / f"{name}.inter", config).item_tokens
    keep_item_list(folder, item_tokens.tolist())
    reports = []
    for modality, choice in choices.items():
        if modality == "txt":
            inputs = text_inputs(folder, name, config.ITEM_ID_FIELD, item_tokens, options.text_fields)
        else:
            inputs = picture_inputs(folder, name, config.ITEM_ID_FIELD, item_tokens)
        reports.append(_make(folder, modality, item_tokens.tolist(), inputs, choice, _batch_size(options)))
        _tell(reports[-1])
    return reports


def _make(
    folder: Path, modality: Modality, item_tokens: Sequence[str], inputs: ItemInputs, choice: Choice, batch_size: int
) -> FeatureReport:
    started = time.perf_counter()
    label = f"{FEATURE_FILES[modality]} by {choice.about['encoder']}"
    encoded = encode(choice, inputs.sources, batch_size, label)
    if not encoded.rows:
        raise DataError(f"no item of {folder} has a {inputs.what} that can be read: there is nothing to encode")
    rows = np.zeros((len(item_tokens), encoded.about["width"]), np.float32)
    for number, key in enumerate(inputs.keys):
        if key is not None and key in encoded.rows:
            rows[number] = encoded.rows[key]
    without = [token for token, key in zip(item_tokens[1:], inputs.keys[1:], strict=True) if key is None]
    reasons = {
        token: encoded.unreadable[key]
        for token, key in zip(item_tokens, inputs.keys, strict=True)
        if key is not None and key in encoded.unreadable
    }
    counts = {"items": len(rows) - 1, "zero_rows": len(without) + len(reasons)}
    path = write_tensor(folder, modality, rows, {**encoded.about, **inputs.about, **counts})
    seconds = time.perf_counter() - started
    return FeatureReport(path, inputs.what, len(rows) - 1, rows.shape[1], encoded.new, without, reasons, seconds)


def _batch_size(options: argparse.Namespace) -> int:
    return options.feature_batch_size or BATCH_SIZE.get(resolve_device(options.device).type, 32)


def _tell(report: FeatureReport) -> None:
    logger.info(
        "%s: %d items, width %d; encoded %d, the rest was kept from before; %.1f s",
        report.path, report.items, report.width, report.encoded, report.seconds,
    )  # fmt: skip
    if report.without:
        logger.warning(
            "%d items have no %s and get a zero row: %s", len(report.without), report.what, _some(report.without)
        )
    if report.unreadable:
        named = [f"{token} ({reason})" for token, reason in report.unreadable.items()]
        logger.warning("%d pictures cannot be used, their items get a zero row: %s", len(named), _some(named))


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")
