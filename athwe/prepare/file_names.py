"""File names for item ids, which may be any text."""

import hashlib
import re
from urllib.parse import quote

MAX_NAME_BYTES = 200
_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def image_name(item_id: str) -> str:
    """Name of an item's thumbnail, `<item_id>.jpg` where that is a file name.

    >>> image_name("B00ABC"), image_name("../a b")
    ('B00ABC.jpg', '%2E%2E%2Fa%20b.jpg')
    """
    return f"{safe_name(item_id)}.jpg"


def safe_name(item_id: str) -> str:
    """The id itself where it can be a file name anywhere, else percent-encoded; a long one by its hash."""
    if _SAFE.fullmatch(item_id) and len(item_id) <= MAX_NAME_BYTES:
        return item_id
    encoded = quote(item_id, safe="").replace(".", "%2E")
    return encoded if len(encoded) <= MAX_NAME_BYTES else hashlib.sha256(item_id.encode()).hexdigest()
