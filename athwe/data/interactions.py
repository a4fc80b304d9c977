"""Read a `.inter` file once, keep its k-core, number users and items, and order each user by time (`PROTOCOL.md`)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64, Shaped

from athwe.config import DataConfig, parse_interval
from athwe.data.cache import cached
from athwe.data.tables import file_digest, longest_text, read_columns
from athwe.errors import DataError, quoted

VERSION = 2
"""Raise it when the preparation changes, so that what was prepared before is not found any more."""
SHAPED_BY = ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD", "user_inter_num_interval", "item_inter_num_interval")
"""Settings that, with the file's bytes, decide what is prepared."""
PADDING_TOKEN = "[PAD]"
MILLISECONDS_ABOVE = 100_000_000_000
"""Unix seconds above this lie past the year 5138: such times are milliseconds."""
MOST_ID_CHARACTERS = 256
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Interactions:
    """The interactions that are left after filtering, sorted by user, then time; ties keep the order of the file.

    User u's interactions are `[user_offset[u], user_offset[u + 1])`; user and item 0 are padding and have none.
    """

    user_tokens: Shaped[np.ndarray, " users"]
    """External ids by internal id, a fixed-width text array; index 0 is `[PAD]`."""
    item_tokens: Shaped[np.ndarray, " items"]
    item: Int64[np.ndarray, " interactions"]
    timestamp: Int64[np.ndarray, " interactions"]
    """Unix seconds."""
    user_offset: Int64[np.ndarray, " users_and_one"]


def read_interactions(path: Path, config: DataConfig) -> Interactions:
    """The prepared interactions of one data set, from the cache where the same bytes were prepared before.

    Raises:
        DataError: as `prepare_interactions` does.
    """
    made_from = {"version": VERSION, "file": file_digest(path), **{name: getattr(config, name) for name in SHAPED_BY}}
    return Interactions(**cached("interactions", made_from, lambda: vars(prepare_interactions(path, config))))


def prepare_interactions(path: Path, config: DataConfig) -> Interactions:
    """Read, filter, number and order the interactions of one data set.

    Items and users are numbered from 1 in the order of their first appearance in the file after filtering: row i of a
    feature file belongs to item i.

    Raises:
        DataError: the file breaks the contract of `dataset/README.md`, or filtering leaves nothing.
    """
    table = read_columns(path, (config.USER_ID_FIELD, config.ITEM_ID_FIELD, config.TIME_FIELD))
    if not table.num_rows:
        raise DataError(f"{path} has a header and no interactions below it")
    user_codes, user_names = _encode(table[config.USER_ID_FIELD], path, config.USER_ID_FIELD)
    item_codes, item_names = _encode(table[config.ITEM_ID_FIELD], path, config.ITEM_ID_FIELD)
    timestamp = parse_timestamps(table[config.TIME_FIELD], path)
    rows = k_core_rows(user_codes, item_codes, config.user_inter_num_interval, config.item_inter_num_interval)
    if not len(rows):
        raise DataError(
            f"nothing is left of {path}: of its {table.num_rows:,} interactions of {len(user_names):,} users with "
            f"{len(item_names):,} items none is in a core with {config.user_inter_num_interval} interactions a user "
            f"and {config.item_inter_num_interval} an item; widen user_inter_num_interval or item_inter_num_interval"
        )
    user, kept_users = number_by_appearance(user_codes[rows])
    item, kept_items = number_by_appearance(item_codes[rows])
    order = np.lexsort((timestamp[rows], user))  # stable
    count = np.bincount(user, minlength=len(kept_users) + 1)
    return Interactions(
        user_tokens=_with_padding(user_names, kept_users),
        item_tokens=_with_padding(item_names, kept_items),
        item=item[order],
        timestamp=timestamp[rows][order],
        user_offset=np.concatenate([[0], np.cumsum(count)]),
    )


def k_core_rows(
    user: Int64[np.ndarray, " rows"], item: Int64[np.ndarray, " rows"], user_interval: str, item_interval: str
) -> Int64[np.ndarray, " kept"]:
    """Rows that stay when users and items outside their interval are dropped until nothing changes.

    >>> k_core_rows(np.array([0, 0, 1]), np.array([0, 1, 0]), "[2,inf)", "[1,inf)")
    array([0, 1])
    """
    rows = np.arange(len(user))
    while True:
        keep = _within(user[rows], user_interval) & _within(item[rows], item_interval)
        if keep.all():
            return rows
        rows = rows[keep]


def number_by_appearance(
    codes: Int64[np.ndarray, " rows"],
) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " kept"]]:
    """Number codes from 1 in the order they first appear; also returns the code of each number.

    >>> number_by_appearance(np.array([7, 3, 7, 5]))
    (array([1, 2, 1, 3]), array([7, 3, 5]))
    """
    kept, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(kept), dtype=np.int64)
    number[order] = np.arange(1, len(kept) + 1)
    return number[inverse], kept[order]


def parse_timestamps(column: pa.ChunkedArray, path: Path) -> Int64[np.ndarray, " rows"]:
    """Unix seconds as int64, exactly; `881250949.0` and `8.8e8` are read too, a fraction of a second is dropped.

    Raises:
        DataError: a value that is no number, negative, or in milliseconds; the message names the first.
    """
    text = pc.call_function("utf8_trim_whitespace", [column])
    is_number = pc.call_function("match_substring_regex", [text], pc.MatchSubstringOptions(_NUMBER)).to_numpy()
    _refuse_first(~is_number, text, path, "is not a time in unix seconds")
    try:
        seconds = pc.cast(text, pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # written as floats: doubles hold whole seconds exactly up to 2**53
        seconds = pc.cast(text, pa.float64()).to_numpy()
    _refuse_first(seconds < 0, text, path, "is negative; expected unix seconds")
    remedy = "is not in unix seconds but finer; divide the column by 1000 if it holds milliseconds"
    _refuse_first(seconds > MILLISECONDS_ABOVE, text, path, remedy)
    return seconds.astype(np.int64)


def _refuse_first(bad: Bool[np.ndarray, " rows"], text: pa.ChunkedArray, path: Path, why: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"timestamp {quoted(text[row].as_py())} in row {row + 1} of {path} {why}")


def _encode(column: pa.ChunkedArray, path: Path, name: str) -> tuple[Int64[np.ndarray, " rows"], np.ndarray]:
    encoded = column.combine_chunks().dictionary_encode()
    _require_sound_ids(encoded.dictionary, path, name)
    tokens = encoded.dictionary.to_numpy(zero_copy_only=False).astype(str)
    if (tokens == "").any():
        row = int((column.to_numpy() == "").argmax())
        raise DataError(f"row {row + 1} of {path} has an empty {name}")
    return encoded.indices.to_numpy().astype(np.int64), tokens


def _require_sound_ids(tokens: pa.Array, path: Path, name: str) -> None:
    """Refuse what the fixed-width text arrays could not hold, or not tell apart."""
    longest = longest_text(tokens)
    if longest > MOST_ID_CHARACTERS:
        raise DataError(
            f"{path} has one {name} of {longest:,} characters; the most is {MOST_ID_CHARACTERS:,}, since all ids "
            "take the room of the longest: give shorter ones"
        )
    has_nul = pc.call_function("match_substring", [tokens], pc.MatchSubstringOptions("\0")).to_numpy(
        zero_copy_only=False
    )
    if has_nul.any():
        raise DataError(f"{path} has NUL bytes in {name} {tokens[int(has_nul.argmax())].as_py()!r}: is it text?")


def _within(codes: Int64[np.ndarray, " rows"], interval: str) -> Bool[np.ndarray, " rows"]:
    low, high = parse_interval(interval)
    count = np.bincount(codes)[codes]
    return (low <= count) & (count <= high)


def _with_padding(names: np.ndarray, kept: Int64[np.ndarray, " kept"]) -> np.ndarray:
    return np.concatenate([[PADDING_TOKEN], names[kept]])
