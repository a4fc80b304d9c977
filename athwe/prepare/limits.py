"""What reading may cost, and who is told how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Limits:
    """What a hostile or damaged file may cost."""

    decompressed_bytes: int = 256 << 30
    """Of one file."""
    ratio: int = 200
    """Decompressed by compressed bytes; review files are below 20, bombs above 1,000."""
    line_bytes: int = 1 << 20
    broken_share: float = 0.5
    """Share of a file's lines that may be broken."""


@runtime_checkable
class Progress(Protocol):
    """Is told of bytes."""

    def start(self, name: str, total_bytes: int) -> Callable[[int], None]:
        """A file is begun; gives what to call with each number of bytes read."""
        ...


class Unseen:
    """Shows nothing."""

    def start(self, name: str, total_bytes: int) -> Callable[[int], None]:
        """Nothing is shown of the file."""
        return lambda size: None
