"""Tensor files that would run code, fill memory or lie about what is in them."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from data_files import write_features
from hostile import (
    TOKEN_ARRAY,
    refused,
    tensor_bytes,
)
from safetensors.torch import save

from athwe.data.keyed_features import TOKENS_KEY
from athwe.data.modalities import read_features


def zip_of(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def entries_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_compressed_tensor_file_is_refused_before_it_expands(folder):
    entries = entries_of(tensor_bytes())
    data = next(name for name in entries if name.endswith("data/0"))
    bomb = zip_of(entries | {data: bytes(64_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    assert "is compressed" in refused("pt", folder, bomb) and "hold 64,000" in refused("pt", folder, bomb)


def test_a_pickle_that_would_make_gigabytes_is_refused_unread(folder):
    """`weights_only` allows `bytearray`, so 30 bytes could ask for any amount."""
    call = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (9_000_000_000).to_bytes(5, "little") + b"\x85R."
    entries = entries_of(tensor_bytes())
    named = next(name for name in entries if name.endswith("data.pkl"))
    assert "'builtins bytearray'" in refused("pt", folder, zip_of(entries | {named: call}))
    old = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {})) + call + pickle.dumps([], 2)
    assert "'builtins bytearray'" in refused("pt", folder, old)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: torch.zeros(1).expand(5, 2_000_000_000), "declares a tensor of shape (5, 2000000000)"),
        (lambda: torch.zeros(5, 3, device="meta"), "not a plain tensor file"),
        (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "not a plain tensor file"),
        (lambda: torch.zeros(5, 3).to_sparse(), "not a plain tensor file"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_of_other_kinds_are_refused(folder, make, part):
    buffer = io.BytesIO()
    torch.save(make(), buffer)
    assert part in refused("pt", folder, buffer.getvalue())


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("wrap", [torch.nn.Parameter, torch.Tensor.bfloat16, torch.Tensor.double])
def test_what_torch_saves_of_features_is_read_in_either_format(folder, wrap, is_new):
    tensor = write_features(folder)
    torch.save(wrap(tensor), folder / "txt_emb.pt", _use_new_zipfile_serialization=is_new)
    np.testing.assert_array_equal(read_features(folder, TOKEN_ARRAY, None)["txt"], tensor.numpy())


def safetensors_of(header: dict, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


TOKENS_OF_ONE = {"__metadata__": {TOKENS_KEY: "x"}}


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        safetensors_of({"txt": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of({"txt": {"dtype": "F32", "shape": [2**33, 2**31], "data_offsets": [0, 0]}}),
        safetensors_of({"txt": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "C64", "shape": [1, 2], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "I64", "shape": [1, 2], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "F32", "shape": [1, 0], "data_offsets": [0, 0]}}),
    ],
)
def test_headers_that_lie_and_types_that_are_no_features_are_refused(folder, content):
    assert refused("safetensors", folder, content)


def test_one_very_wide_row_is_refused_before_every_item_gets_as_wide_a_one(folder):
    wide = save({"txt": torch.ones(1, 70_000, dtype=torch.uint8).to(torch.float16)}, {TOKENS_KEY: "x"})
    assert "70,000 numbers an item; the most is 65,536" in refused("safetensors", folder, wide)
