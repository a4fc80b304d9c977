"""What every source gives: reviews and items, checked and cleaned, or a word on why a line is none."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from athwe.data.interactions import MILLISECONDS_ABOVE, PADDING_TOKEN

MAX_ID_CHARACTERS = 128
"""Ids are held as fixed-width text, so one huge id would cost its length for every user."""
MAX_TITLE_CHARACTERS, MAX_CATEGORY_CHARACTERS, MAX_DESCRIPTION_CHARACTERS = 500, 100, 2_000
"""Longer texts are cut; BERT's 512 tokens are some 2,000 characters."""
MAX_CATEGORIES = 90
"""Of an item; further ones are left out, so that they fit a cell of a `.item` (`MOST_CELL_CHARACTERS`)."""

TimeUnit = Literal["seconds", "milliseconds", "iso"]
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line ends of all sorts, and halves of surrogate pairs, which UTF-8 has no bytes for."""


class BrokenLine(ValueError):
    """A line of a source that is no record; it is counted, and its reason is shown once."""


class Review(NamedTuple):
    """One interaction."""

    user: str
    item: str
    timestamp: int
    """Unix seconds, perhaps 0, negative or in the future: that is for a policy to decide."""


class Item(NamedTuple):
    """What a source says of an item; texts are of one line."""

    item_id: str
    title: str = ""
    categories: tuple[str, ...] = ()
    description: str = ""
    image: str = ""
    """URL of its picture, or empty."""


def review(user: Any, item: Any, timestamp: int) -> Review:
    """A checked review.

    Raises:
        BrokenLine: an id that cannot be one, or a time that is not in seconds.
    """
    for token in (user, item):
        if not isinstance(token, str) or not token or len(token) > MAX_ID_CHARACTERS or token == PADDING_TOKEN:
            raise BrokenLine(f"id {shown(token)} is no text of 1 to {MAX_ID_CHARACTERS} characters")
        if not token.isprintable() and _UNWRITABLE.search(token):
            raise BrokenLine(f"id {shown(token)} has a tab, a line break or another character that no id may have")
    if not -MILLISECONDS_ABOVE <= timestamp <= MILLISECONDS_ABOVE:
        raise BrokenLine(f"time {shown(timestamp)} is not in unix seconds")
    return Review(user, item, timestamp)


def make_item(item_id: str, title: Any, categories: Any, description: Any, image: Any = "") -> Item:
    """An item with clean texts; what is no text, or no list of texts, is left out."""
    names = (clean(text, MAX_CATEGORY_CHARACTERS) for text in texts(categories))
    return Item(
        item_id=item_id,
        title=clean(" ".join(texts(title)), MAX_TITLE_CHARACTERS),
        categories=tuple(dict.fromkeys(name for name in names if name))[:MAX_CATEGORIES],
        description=clean(" ".join(texts(description)), MAX_DESCRIPTION_CHARACTERS),
        image=image.strip() if isinstance(image, str) else "",
    )


def texts(value: Any, depth: int = 3) -> Iterator[str]:
    """Every text in a text or in nested lists of texts.

    >>> list(texts([["Home", "Kitchen"], "Home", None]))
    ['Home', 'Kitchen', 'Home']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple) and depth:
        for part in value:
            yield from texts(part, depth - 1)


def clean(text: str, limit: int) -> str:
    r"""One line without markup, tabs or control characters, of at most `limit` characters.

    >>> clean("Salt &amp;\tPepper<br/>\nMill", 100)
    'Salt & Pepper Mill'
    """
    plain = _TAG.sub(" ", html.unescape(text[: 8 * limit]))
    line = " ".join(_UNWRITABLE.sub(" ", plain).split())
    return line if len(line) <= limit else line[:limit].rstrip()


def to_seconds(text: str, unit: TimeUnit) -> int:
    """Unix seconds; a date without a time zone is in UTC, a fraction of a second is dropped.

    >>> to_seconds("2014-07-23", "iso"), to_seconds("1406073600123", "milliseconds")
    (1406073600, 1406073600)

    Raises:
        BrokenLine: no time in that unit.
    """
    try:
        if unit == "iso":
            moment = datetime.fromisoformat(text.strip())
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)
        number = int(text) if text.isdecimal() else int(float(text) // 1)
    except (ValueError, OverflowError):
        expected = "date such as 2014-07-23 or 2014-07-23T10:00:00Z" if unit == "iso" else f"time in unix {unit}"
        raise BrokenLine(f"{shown(text)} is no {expected} (--time-unit {unit})") from None
    if unit == "milliseconds" and 0 < number < MILLISECONDS_ABOVE:
        raise BrokenLine(f"time {shown(text)} in milliseconds is in 1973 or before (--time-unit seconds?)")
    if unit == "seconds" and abs(number) > MILLISECONDS_ABOVE:
        raise BrokenLine(f"time {shown(text)} is finer than seconds (--time-unit milliseconds?)")
    return number // 1000 if unit == "milliseconds" else number


def shown(value: Any) -> str:
    """A value of somebody's file, short and on one line."""
    text = ascii(value) if isinstance(value, str) else f"of type {type(value).__name__}"
    if isinstance(value, int | float):
        text = str(value) if abs(value) < 10**30 else "beyond all bounds"
    return text if len(text) <= 60 else f"{text[:57]}..."
