"""Every kind of file that a data set is read from, and how any bytes in its place are taken."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from data_files import HEADER, KEEP_ALL, ROWS, TOKENS
from hypothesis import HealthCheck, settings
from safetensors.torch import save

from athwe.config import DataConfig
from athwe.config_files import load_config
from athwe.data.interactions import prepare_interactions
from athwe.data.items import read_items
from athwe.data.keyed_features import KEYED_FILE, TOKENS_KEY, has_keyed, read_keyed
from athwe.data.modalities import check_item_list, read_attributes, read_features
from athwe.errors import AthweError

KEEP = DataConfig(**KEEP_ALL)
TOKEN_ARRAY = np.array(TOKENS)
often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def inter_bytes() -> bytes:
    return "\n".join([HEADER, *("\t".join(map(str, row)) for row in ROWS), ""]).encode()


def tensor_bytes() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.ones(len(TOKENS), 3) * (torch.arange(len(TOKENS)) > 0)[:, None], buffer)
    return buffer.getvalue()


def keyed_bytes() -> bytes:
    return save({"txt": torch.ones(4, 3)}, {TOKENS_KEY: "\n".join(TOKENS[1:])})


def read_pt(folder: Path) -> object:
    read_attributes(folder, TOKEN_ARRAY)
    return read_features(folder, TOKEN_ARRAY, None)


def read_safetensors(folder: Path) -> object:
    return has_keyed(folder, "txt") and read_keyed(folder, "txt", TOKEN_ARRAY)


YAML = b"model: ATHWE\ntopk: [5, 10]\nbeta: 0.3\nuser_inter_num_interval: '[5,inf)'\nmodalities: [item, txt]\n"
ITEMS = b"item_id:token\ttitle:token\tcategories:token_seq\timage:token\nx\tA title\tone two\timages/x.jpg\n"
LIST = "\n".join(["internal_id\titem_id", *(f"{number}\t{token}" for number, token in enumerate(TOKENS)), ""]).encode()


class Kind(NamedTuple):
    """Files of a data set that are read by the same code."""

    names: tuple[str, ...]
    good: bytes
    """What one that can be read has in it."""
    read: Callable[[Path], object]
    """Reads them from the data set's folder."""


KINDS = {
    "inter": Kind(("tiny.inter",), inter_bytes(), lambda folder: prepare_interactions(folder / "tiny.inter", KEEP)),
    "item": Kind(("tiny.item",), ITEMS, lambda folder: read_items(folder, "tiny", "item_id", TOKEN_ARRAY)),
    "items.tsv": Kind(("items.tsv",), LIST, lambda folder: check_item_list(folder / "items.tsv", TOKEN_ARRAY)),
    "pt": Kind(("txt_emb.pt", "cat.pt"), tensor_bytes(), read_pt),
    "safetensors": Kind((KEYED_FILE,), keyed_bytes(), read_safetensors),
    "yaml": Kind(("more.yaml",), YAML, lambda folder: load_config("tiny", files=[folder / "more.yaml"])),
}


def refusal(kind: str, folder: Path, content: bytes) -> AthweError | None:
    """What files of a kind are refused with, None where they are read; any other exception fails the test."""
    for name in KINDS[kind].names:
        (folder / name).write_bytes(content)
    try:
        KINDS[kind].read(folder)
    except AthweError as error:
        return error
    return None


def is_one_line(error: AthweError) -> bool:
    return "\n" not in str(error) and len(str(error)) < 2_000


def is_read_or_refused(kind: str, folder: Path, content: bytes) -> bool:
    """Whether it is read, or refused in one line."""
    error = refusal(kind, folder, content)
    return error is None or is_one_line(error)


def refused(kind: str, folder: Path, content: bytes) -> str:
    """The line that it is refused with."""
    error = refusal(kind, folder, content)
    assert error is not None and is_one_line(error), error
    return str(error)
