"""Interactions as they stream in, held as three compact columns: 16 bytes each, and every id once."""

from array import array
from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from athwe.prepare.records import Review


@dataclass(frozen=True)
class Log:
    """Interactions in the order of the source; codes count users and items from 0 by first appearance."""

    users: list[str]
    """External ids by code."""
    items: list[str]
    user: Int32[np.ndarray, " rows"]
    item: Int32[np.ndarray, " rows"]
    timestamp: Int64[np.ndarray, " rows"]
    """Unix seconds."""

    def __len__(self) -> int:
        return len(self.timestamp)

    def take(self, rows: np.ndarray) -> "Log":
        """The interactions at `rows`, indices or a mask; codes stay."""
        return Log(self.users, self.items, self.user[rows], self.item[rows], self.timestamp[rows])

    def of_items(self, items: Set[str]) -> "Log":
        """The interactions with some items."""
        wanted = np.array([item in items for item in self.items], dtype=bool)
        return self.take(wanted[self.item])


def collect(reviews: Iterable[Review]) -> Log:
    """Read a stream of reviews to its end."""
    user, item, timestamp = array("i"), array("i"), array("q")
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    for user_id, item_id, seconds in reviews:
        user.append(users.setdefault(user_id, len(users)))
        item.append(items.setdefault(item_id, len(items)))
        timestamp.append(seconds)
    return Log(
        users=list(users),
        items=list(items),
        user=np.frombuffer(user, dtype=np.int32),
        item=np.frombuffer(item, dtype=np.int32),
        timestamp=np.frombuffer(timestamp, dtype=np.int64),
    )
