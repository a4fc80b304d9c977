"""Read the one tensor of a `.pt` file that anybody may have written: nothing runs, and nothing grows beyond the file.

`torch.load(weights_only=True)` runs no code, but it expands compressed content, and what its unpickler may call can
make gigabytes of a few bytes (`bytearray`). So before it reads, a file has to be what `torch.save` writes of a tensor.
"""

import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from athwe.errors import DataError

MOST_PICKLE_BYTES = 1 << 20
"""What a file may say about its tensor; a few hundred bytes are enough."""
_ZIP = b"PK\x03\x04"
_LEGACY_PICKLES = 5
"""What `torch.save` wrote before PyTorch 1.6: a magic number, a version, the machine, the object, its storages."""
_NAMES = re.compile(
    r"torch\._utils _rebuild_(tensor_v2|tensor_v3|parameter)|collections OrderedDict|torch\.storage \w+Storage"
    r"|torch (\w+Storage|u?int\d+|b?float\w+|bool)"
)
"""What the pickle of a plain tensor names."""


def read_tensor(path: Path) -> Tensor:
    """The tensor, dense and in main memory.

    Memory stays within a small multiple of the file's size.

    Raises:
        DataError: the file cannot be read, is damaged, compressed, or holds anything else.
    """
    try:
        _require_plain(path)
        with warnings.catch_warnings():  # what torch remarks about a file that it refuses anyway
            warnings.simplefilter("ignore")
            tensor = torch.load(path, weights_only=True, map_location="cpu")
    except DataError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes of the unpickler
        raise _refusal(path, type(error).__name__) from None
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise DataError(f"{path} must hold one dense tensor, found {type(tensor).__name__}")
    size_bytes = path.stat().st_size
    if tensor.numel() * tensor.element_size() > size_bytes:
        raise DataError(
            f"{path} has {size_bytes:,} bytes and declares a tensor of shape {tuple(tensor.shape)}, which has more; "
            "write it with torch.save(tensor.contiguous(), path)"
        )
    return tensor.detach()


def _require_plain(path: Path) -> None:
    """Refuse what would grow when it is read, or names anything but the parts of a tensor."""
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
        file.seek(0)
        for name in _names_in_zip(file, path) if is_zip else _names(file, _LEGACY_PICKLES):
            if not _NAMES.fullmatch(name):
                raise _refusal(path, f"it names {name!r}")


def _names_in_zip(file: Any, path: Path) -> Iterator[str]:
    size_bytes = path.stat().st_size
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        content_bytes = sum(entry.file_size for entry in entries)
        if content_bytes > size_bytes or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise DataError(
                f"{path} is compressed: its {size_bytes:,} bytes hold {content_bytes:,}, and no file may expand; "
                "write it with torch.save(tensor, path), which does not compress"
            )
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                if entry.file_size > MOST_PICKLE_BYTES:
                    raise _refusal(path, f"more than {MOST_PICKLE_BYTES:,} bytes of pickle")
                with archive.open(entry) as pickle:
                    yield from _names(pickle, 1)


def _names(file: Any, pickles: int) -> Iterator[str]:
    """What some pickles, one after the other, import; nothing of them is run."""
    for _ in range(pickles):
        for code, argument, _ in pickletools.genops(file):
            if code.name in ("GLOBAL", "INST"):
                yield str(argument)
            elif code.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                yield code.name  # torch.save writes none of these


def _refusal(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is not a plain tensor file and was refused ({why}); nothing in it was run. "
        "Write one dense tensor with torch.save(tensor, path)"
    )
