"""Make what the flags ask for: the source, its files fetched where that is wanted, and the images."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.filesize import decimal

from athwe.command_line import UsageError
from athwe.errors import DataError
from athwe.prepare.bars import Bars
from athwe.prepare.download.fetch import Fetcher
from athwe.prepare.download.images import fetch_images
from athwe.prepare.download.public import MOVIELENS, amazon_files
from athwe.prepare.limits import Limits
from athwe.prepare.opening import SourceFile, telling
from athwe.prepare.reading import Source
from athwe.prepare.records import Item
from athwe.prepare.sources.amazon import Amazon
from athwe.prepare.sources.movielens import find_movielens
from athwe.prepare.sources.table import RECBOLE, Columns, Form, Table, item_columns_there, require_columns
from athwe.prepare.thumbnails import find_images

ASKED_FROM_BYTES = 1_000_000_000
RECBOLE_ITEM_COLUMNS = {"title": "title", "category": "categories", "description": "description", "image": "image"}
"""Taken where a `.item` has them."""


def choose_source(options: argparse.Namespace, limits: Limits, bars: Bars) -> Source:
    """The source, ready to be read.

    Raises:
        UsageError: flags that do not go together.
        DataError: a file that cannot be fetched or used.
    """
    if options.source == "amazon":
        return _amazon(options, bars)
    if options.source == "movielens":
        return _movielens(options, bars)
    return _table(options, limits)


def _amazon(options: argparse.Namespace, bars: Bars) -> Source:
    if bool(options.download) == bool(options.reviews):
        raise UsageError("one of --reviews and --download is needed")
    _require_readable(*options.reviews, *options.metadata)
    if not options.download:
        return Amazon(options.reviews, options.metadata)
    fetcher = _fetcher(options, bars, f"amazon-{options.download}")
    reviews, metadata = amazon_files(options.download, options.category or options.name)
    return Amazon([fetcher.fetch(reviews)], options.metadata or [fetcher.fetch(metadata)])


def _movielens(options: argparse.Namespace, bars: Bars) -> Source:
    if bool(options.download) == bool(options.input):
        raise UsageError("one of --input and --download is needed")
    if options.download:
        return find_movielens(_fetcher(options, bars, "movielens").fetch(MOVIELENS[options.download]))
    return find_movielens(options.input)


def _table(options: argparse.Namespace, limits: Limits) -> Source:
    is_recbole = options.source == "recbole"
    form = RECBOLE if is_recbole else Form(_delimiter(options.delimiter))
    interactions, items = (options.inter, options.item) if is_recbole else (options.interactions, options.items)
    flags = {role: getattr(options, f"{role}_column") for role in RECBOLE_ITEM_COLUMNS}
    given = {role: name for role, name in flags.items() if name}
    file = SourceFile(items) if items else None
    if given and not file:
        raise UsageError("columns of items are named, but no table of items is given")
    if file and is_recbole:
        given = item_columns_there(file, limits, RECBOLE_ITEM_COLUMNS, form) | given
    if file and not given:
        raise UsageError("a table of items is given, but none of its columns is named (--title-column and others)")
    columns = Columns(
        user=options.user_column,
        item=options.item_column,
        time=options.time_column,
        time_unit=options.time_unit,
        item_id=options.item_id_column or options.item_column,
        category_separator=options.category_separator.strip(),
        **given,
    )
    if file:
        require_columns(file, limits, (columns.item_id, *given.values()), form)
    return Table(SourceFile(interactions), file, columns, form)


def _require_readable(*paths: Path) -> None:
    """Refuse a file that is not there before another one is read for an hour."""
    for path in paths:
        if not path.is_fifo():  # which can be opened once
            with telling(str(path)), path.open("rb"):
                pass


def _delimiter(text: str) -> str:
    delimiter = "\t" if text == "tab" else text
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"--delimiter must be one character or 'tab', got {text!r}")
    return delimiter


def _fetcher(options: argparse.Namespace, bars: Bars, folder: str) -> Fetcher:
    def agrees(url: str, size_bytes: int | None) -> bool:
        if options.yes or (size_bytes is not None and size_bytes < ASKED_FROM_BYTES):
            return True
        return bars.confirm(f"{url} has {'an unknown size' if size_bytes is None else decimal(size_bytes)}. Fetch it?")

    return Fetcher(download_folder(options) / folder, agrees, bars)


def download_folder(options: argparse.Namespace) -> Path:
    """Where fetched files stay."""
    return options.download_folder or options.output / ".downloads"


class Images:
    """Finds the images that the flags ask for, and tells of the thumbnails made of them."""

    def __init__(self, options: argparse.Namespace, bars: Bars):
        """
        Raises:
            DataError: `--images` is no folder.
        """
        if options.images and not options.images.is_dir():
            raise DataError(f"--images {options.images} is no folder")
        self.wanted: bool = bool(options.images or options.download_images)
        self.failed: dict[str, str] = {}
        """Why a picture could not be fetched, by item."""
        self._options = options
        self._bars = bars
        self._advance: Callable[[int], None] | None = None

    def find(self, tokens: list[str], items: Mapping[str, Item]) -> Mapping[str, Path]:
        """Image files by item."""
        if self._options.images:
            found = find_images(self._options.images, tokens)
        else:
            folder = download_folder(self._options) / f"{self._options.name}-images"
            urls = sum(bool(item.image) for item in items.values())
            fetched = fetch_images(items, folder, self._bars.count("pictures", urls))
            found, self.failed = fetched.paths, fetched.failed
        self._advance = self._bars.count("thumbnails", len(found))
        return found

    def told(self, count: int) -> None:
        """Some thumbnails were made."""
        if self._advance:
            self._advance(count)
