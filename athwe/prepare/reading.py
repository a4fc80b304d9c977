"""Read source files line by line, plain, gzipped or out of a zip, within stated limits; count what cannot be read."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

from athwe.errors import DataError
from athwe.prepare.limits import Limits, Progress, Unseen
from athwe.prepare.opening import Opened, SourceFile, opened, telling
from athwe.prepare.records import BrokenLine, Item, Review

Record = TypeVar("Record")
EARLY_LINES = 100_000
"""After so many lines a file that is mostly broken is refused without reading the rest."""


@dataclass
class Tally:
    """Lines of one file."""

    name: str
    has_header: bool = False
    """Whether the first line says what the others are."""
    lines: int = 0
    broken: int = 0
    first_broken: tuple[int, str] | None = None
    """Number of the first broken line, from 1, and what is wrong with it."""

    row_lines: int = 0
    """Lines of the row being read: several where a cell has line breaks, or a quote that is never closed."""

    def add_broken(self, reason: str, lines: int = 1) -> None:
        """The lines read last are no record.

        Raises:
            DataError: the header is among them: without it no other line can be read.
        """
        first = self.lines - lines + 1
        if self.has_header and first == 1:
            raise DataError(f"the header of {self.name} cannot be read: {reason}")
        self.broken += lines
        self.first_broken = self.first_broken or (first, reason)

    def require_mostly_good(self, share: float) -> None:
        """Refuse a file that is mostly broken.

        Raises:
            DataError: more than `share` of the lines are broken, or there are none.
        """
        if not self.lines:
            raise DataError(f"{self.name} is empty")
        if self.first_broken and self.broken > share * self.lines:
            number, reason = self.first_broken
            raise DataError(
                f"{self.name} is mostly broken: {self.broken:,} of {self.lines:,} lines cannot be read, the first is "
                f"line {number:,}: {reason}; --max-broken-share is {share:g}"
            )


class Reader:
    """Streams records of files; keeps a tally and a digest of each."""

    def __init__(self, limits: Limits | None = None, progress: Progress | None = None):
        self.limits = limits or Limits()
        self.tallies: dict[SourceFile, Tally] = {}
        self.opened: dict[SourceFile, Opened] = {}
        self._progress = progress or Unseen()

    def records(
        self,
        file: SourceFile,
        parse: Callable[[Any], Record | None],
        split: Callable[[Iterable[str]], Iterator[Any]] = iter,
        fallback: str | None = None,
    ) -> Iterator[Record]:
        """What `parse` makes of each line; None is left out.

        Args:
            split: makes rows of lines, as `csv.reader` does; the first is the header.
            fallback: encoding of lines that are not UTF-8.

        Raises:
            DataError: no such file, damaged compression, a limit passed, another encoding, a header that is none, or
                mostly broken.
        """
        tally = self.tallies[file] = Tally(file.name, has_header=split is not iter)
        with telling(file.name), opened(file, self.limits, self._progress) as source:
            self.opened[file] = source
            rows = split(self._lines(source.stream, tally, fallback))
            while True:
                tally.row_lines = 0
                try:
                    record = parse(next(rows))
                except StopIteration:
                    break
                except BrokenLine as error:
                    tally.add_broken(str(error), tally.row_lines)
                except csv.Error as error:
                    tally.add_broken(f"not a row of a table ({error})", tally.row_lines)
                else:
                    if record is not None:
                        yield record
        tally.require_mostly_good(self.limits.broken_share)

    def _lines(self, stream: io.BufferedReader, tally: Tally, fallback: str | None) -> Iterator[str]:
        limit = self.limits.line_bytes
        for line in iter(partial(stream.readline, limit + 1), b""):
            tally.lines += 1
            if tally.lines == 1:
                line = _checked_start(line, tally.name)
            if tally.lines == EARLY_LINES:
                tally.require_mostly_good(self.limits.broken_share)
            if len(line) > limit:
                while not line.endswith(b"\n") and (line := stream.readline(limit)):
                    pass
                tally.add_broken(f"longer than {limit:,} bytes (--max-line-bytes)")
                continue
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                if not fallback:
                    tally.add_broken("not UTF-8 text; convert the file, for example with iconv -f LATIN1 -t UTF-8")
                    continue
                text = line.decode(fallback)
            if not text.isspace():
                tally.row_lines += 1
                yield text


@runtime_checkable
class Source(Protocol):
    """A raw source. Both streams are read once, reviews first."""

    def reviews(self, reader: Reader) -> Iterator[Review]:
        """Every interaction, in the order of the files."""
        ...

    def items(self, reader: Reader, kept: Set[str]) -> Iterator[Item]:
        """What is known of the items in `kept`; others may be left out before they are parsed."""
        ...


def _checked_start(line: bytes, name: str) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16 text; convert it, for example with iconv -f UTF-16 -t UTF-8")
    if b"\0" in line:
        raise DataError(f"{name} is a binary file; expected lines of text")
    return line.removeprefix(b"\xef\xbb\xbf")
