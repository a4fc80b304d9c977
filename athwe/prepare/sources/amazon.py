"""Amazon reviews of 2014, 2018 and 2023: one record a line, as JSON or, of 2014, as a Python literal.

Sources: He and McAuley 2016 (2014), Ni et al. 2019 (2018), Hou et al. 2024 (2023); `docs/datasets.md`.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Set
from functools import partial
from pathlib import Path
from typing import Any

from athwe.prepare.opening import SourceFile
from athwe.prepare.reading import Reader
from athwe.prepare.records import BrokenLine, Item, Review, make_item, review, shown

_LITERAL = re.compile(r"\s*\{\s*'")
_LITERAL_ID = re.compile(r"""['"]asin['"]\s*:\s*['"]([^'"\\]*)['"]""")


class Amazon:
    """Reviews and, where there are any, metadata. A line tells its form by its keys, so that forms may be mixed."""

    def __init__(self, reviews: list[Path], metadata: list[Path]):
        self._reviews = [SourceFile(path) for path in reviews]
        self._metadata = [SourceFile(path) for path in metadata]

    def reviews(self, reader: Reader) -> Iterator[Review]:
        """Every review, in the order of the files."""
        for file in self._reviews:
            yield from reader.records(file, parse_review)

    def items(self, reader: Reader, kept: Set[str]) -> Iterator[Item]:
        """Metadata of the items in `kept`."""
        for file in self._metadata:
            yield from reader.records(file, partial(parse_item, kept=kept))


def parse_review(line: str) -> Review:
    """A review of 2014 or 2018 (unix seconds, of whole days), or of 2023 (milliseconds).

    Raises:
        BrokenLine: no record, or one without user, item or time.
    """
    record = parse_record(line)
    try:
        if "reviewerID" in record:
            return review(record["reviewerID"], record["asin"], _whole(record["unixReviewTime"]))
        return review(record["user_id"], record["parent_asin"], _whole(record["timestamp"]) // 1000)
    except KeyError as error:
        raise BrokenLine(f"a review without {error.args[0]!r}") from None


def parse_item(line: str, kept: Set[str]) -> Item | None:
    """What is known of an item; None for one that is not in `kept`, of which a literal is not even parsed.

    Raises:
        BrokenLine: no record, or one without an item id.
    """
    if _LITERAL.match(line):
        ids = _LITERAL_ID.findall(line)
        if ids and kept.isdisjoint(ids):
            return None  # a literal takes 20 times as long to parse as JSON
    record = parse_record(line)
    item_id = record.get("parent_asin") or record.get("asin")
    if not isinstance(item_id, str):
        raise BrokenLine("metadata without 'asin' or 'parent_asin'")
    if item_id not in kept:
        return None
    return make_item(
        item_id,
        title=record.get("title"),
        categories=_first(record, "categories", "category") or record.get("main_category"),
        description=[
            _first(record, "brand", "store"),
            _first(record, "features", "feature"),
            record.get("description"),
        ],
        image=_image_url(record),
    )


def parse_record(line: str) -> dict[str, Any]:
    """A line's record: a Python literal where its first key is in single quotes, else JSON. Neither can run code.

    Raises:
        BrokenLine: the line is neither.
    """
    try:
        record = _parse_literal(line) if _LITERAL.match(line) else json.loads(line)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise BrokenLine(f"not a JSON object or Python literal ({_short(error)})") from None
    if not isinstance(record, dict):
        raise BrokenLine("not a JSON object or Python literal")
    return record


def _parse_literal(line: str) -> Any:
    with warnings.catch_warnings():  # what Python remarks about odd escapes in somebody's text
        warnings.simplefilter("ignore")
        return ast.literal_eval(line.strip())


def _short(error: BaseException) -> str:
    return str(error).split("\n")[0][:80] or type(error).__name__


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        raise BrokenLine(f"time {shown(value)} is no number") from None


def _first(record: dict[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key)), None)


def _image_url(record: dict[str, Any]) -> str:
    """The picture of about 500 pixels: `imUrl` (2014), `imageURLHighRes` or `image` (2018), `images` (2023)."""
    images = _first(record, "images", "imageURLHighRes", "image", "imageURL", "imUrl")
    first = images[0] if isinstance(images, list) else images
    if isinstance(images, list):
        first = next((one for one in images if isinstance(one, dict) and one.get("variant") == "MAIN"), first)
    if isinstance(first, dict):
        first = _first(first, "large", "hi_res", "thumb")
    return first if isinstance(first, str) else ""
