"""Tables with named columns: one's own CSV file, RecBole's `.inter` and `.item`, MovieLens' CSV files."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from athwe.errors import DataError
from athwe.prepare.limits import Limits
from athwe.prepare.opening import SourceFile
from athwe.prepare.reading import Reader
from athwe.prepare.records import BrokenLine, Item, Review, TimeUnit, make_item, review, to_seconds


@dataclass(frozen=True)
class Form:
    """How a table is written."""

    delimiter: str = ","
    has_quotes: bool = True
    """Whether a cell in double quotes may hold the delimiter or a line break."""
    has_types: bool = False
    """Whether column names are followed by `:type`, as in RecBole."""

    def split(self, lines: Iterable[str]) -> Iterator[Any]:
        """Rows of lines; the first is the header."""
        quoting = csv.QUOTE_MINIMAL if self.has_quotes else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=self.delimiter, quoting=quoting)

    def names(self, header: Sequence[str]) -> list[str]:
        """Column names of a header."""
        return [name.partition(":")[0].strip() if self.has_types else name.strip() for name in header]


RECBOLE = Form(delimiter="\t", has_quotes=False, has_types=True)


@dataclass(frozen=True)
class Columns:
    """Names of columns; an item column that is empty is not there."""

    user: str
    item: str
    time: str
    time_unit: TimeUnit = "seconds"
    item_id: str = ""
    """Of the table of items."""
    title: str = ""
    category: str = ""
    description: str = ""
    image: str = ""
    category_separator: str = "|"


class Table:
    """A table of interactions and perhaps one of items."""

    def __init__(self, interactions: SourceFile, items: SourceFile | None, columns: Columns, form: Form):
        self._interactions = interactions
        self._items = items
        self._columns = columns
        self._form = form

    def reviews(self, reader: Reader) -> Iterator[Review]:
        """Every row, in the order of the file."""
        names = self._columns
        unit: TimeUnit = names.time_unit

        def make(user: str, item: str, time: str) -> Review:
            return review(user, item, to_seconds(time, unit))

        rows = _Rows(self._interactions.name, self._form, (names.user, names.item, names.time), make)
        yield from reader.records(self._interactions, rows.parse, self._form.split)

    def items(self, reader: Reader, kept: Set[str]) -> Iterator[Item]:
        """Rows of the items in `kept`."""
        if self._items is None:
            return
        names = self._columns
        stated = {"title": names.title, "categories": names.category, "description": names.description}
        used = {key: name for key, name in {**stated, "image": names.image}.items() if name}

        def make(item_id: str, *cells: str) -> Item | None:
            if item_id not in kept:
                return None
            texts: dict[str, Any] = {**dict.fromkeys(stated), **dict(zip(used, cells, strict=True))}
            texts["categories"] = (texts["categories"] or "").split(names.category_separator or None)
            return make_item(item_id, **texts)

        rows = _Rows(self._items.name, self._form, (names.item_id, *used.values()), make)
        yield from reader.records(self._items, rows.parse, self._form.split)


@dataclass
class _Rows:
    """Takes the wanted cells out of each row below a header."""

    file_name: str
    form: Form
    wanted: Sequence[str]
    make: Callable[..., Any]
    width: int = 0
    positions: list[int] = field(default_factory=list)

    def parse(self, row: list[str]) -> Any:
        """None for the header."""
        if not self.width:
            self._read_header(row)
            return None
        if len(row) != self.width:
            raise BrokenLine(f"{len(row)} columns, where the header has {self.width}")
        return self.make(*[row[position] for position in self.positions])

    def _read_header(self, row: list[str]) -> None:
        names = self.form.names(row)
        missing = [name for name in self.wanted if name not in names]
        if missing:
            raise DataError(
                f"{self.file_name} has no column {', '.join(map(repr, missing))}; with {self.form.delimiter!r} between "
                f"columns its header names {', '.join(map(repr, names))[:300]}"
            )
        repeated = [name for name in self.wanted if names.count(name) > 1]
        if repeated:
            raise DataError(f"the header of {self.file_name} names {repeated[0]!r} more than once: which one is meant?")
        self.width = len(names)
        self.positions = [names.index(name) for name in self.wanted]


def item_columns_there(file: SourceFile, limits: Limits, wanted: Mapping[str, str], form: Form) -> dict[str, str]:
    """Those of the `wanted` columns that a table has, for tables whose item columns are a custom, not a promise."""
    found: dict[str, str] = {}

    def look(row: list[str]) -> bool:
        names = form.names(row)
        found.update({key: name for key, name in wanted.items() if name in names})
        return True

    next(Reader(limits).records(file, look, form.split), None)
    return found


def require_columns(file: SourceFile, limits: Limits, wanted: Sequence[str], form: Form) -> None:
    """Look at a table's header before another file is read for an hour; a pipe can be read once, so it is left alone.

    Raises:
        DataError: no such file, or none of the columns.
    """
    if not file.path.is_fifo():
        rows = _Rows(file.name, form, wanted, lambda *cells: cells)
        next(Reader(limits).records(file, rows.parse, form.split), None)
