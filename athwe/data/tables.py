"""Read columns of a tab-separated file whose header names them as `name:type`."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from athwe.errors import DataError, shown

BLOCK_BYTES = 1 << 24
"""Bytes parsed at once; a longer row is refused."""


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """Read the named columns as text, whatever type the header gives them; other columns are left out.

    Returns:
        A table with the required columns and those of the optional ones that are there; empty cells are "".

    Raises:
        DataError: no such file, not UTF-8 text, a required column missing or asked for twice, or a row of another
            width.
    """
    header = _read_header(path)
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, missing))}; its header names "
            f"{shown(', '.join(map(repr, header)))} (expected tab-separated names such as user_id:token)"
        )
    names = [*required, *(name for name in optional if name in header)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"column {name!r} of {path} is asked for as two things; name another one for one of them")
        if header.count(name) > 1:
            raise DataError(f"the header of {path} names {name!r} {header.count(name)} times: which one is meant?")
    positions = {name: str(header.index(name)) for name in names}
    try:
        table = csv.read_csv(
            path,
            # One thread, so that errors can name the row. Columns go by position: names left out may repeat.
            csv.ReadOptions(
                column_names=[str(position) for position in range(len(header))],
                skip_rows=1,
                block_size=BLOCK_BYTES,
                use_threads=False,
            ),
            csv.ParseOptions(delimiter="\t", quote_char=False),
            csv.ConvertOptions(
                include_columns=list(positions.values()),
                column_types=dict.fromkeys(positions.values(), pa.string()),
                strings_can_be_null=False,
                null_values=[],
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path} is not a regular tab-separated UTF-8 table: {shown(' '.join(str(error).split()))}"
        ) from None
    return table.rename_columns(names)


def longest_text(column: pa.Array | pa.ChunkedArray) -> int:
    """Characters of a column's longest cell; 0 where there is none."""
    return pc.call_function("max", [pc.call_function("utf8_length", [column])]).as_py() or 0


def file_digest(path: Path) -> str:
    """Hash of a file's bytes.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def _read_header(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            line = file.readline(BLOCK_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    if not line.strip():
        raise DataError(f"{path} is empty; expected a header of tab-separated names such as user_id:token")
    if b"\0" in line:
        raise DataError(f"{path} is a binary file; expected tab-separated text")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; convert it, for example with iconv -t UTF-8") from None
    if not line.endswith(b"\n"):
        raise DataError(f"{path} ends inside its header; expected rows below it")
    return [name.partition(":")[0].strip() for name in text.rstrip("\r\n").split("\t")]
