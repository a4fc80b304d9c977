"""From a source to a data set folder that is there as a whole or not at all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from athwe.config import DataConfig
from athwe.data.folders import require_folder_name
from athwe.data.interactions import Interactions, prepare_interactions
from athwe.data.items import IMAGE_FOLDER
from athwe.data.modalities import ITEM_LIST
from athwe.errors import DataError
from athwe.files import replacing
from athwe.prepare import writing
from athwe.prepare.log import Log, collect
from athwe.prepare.policies import Found, Policies, apply_policies
from athwe.prepare.reading import Reader, Source
from athwe.prepare.records import Item
from athwe.prepare.thumbnails import Thumbnails, write_thumbnails

ImageFinder = Callable[[list[str], Mapping[str, Item]], Mapping[str, Path]]
"""Image files by item, of the items given in order and what is known of them."""


@dataclass(frozen=True)
class Settings:
    """What to make of a source, apart from its policies."""

    name: str
    root: Path
    """The data root."""
    config: DataConfig
    overwrite: bool = False
    least_category_items: int = 5
    """Items that a category needs to have a column in `cat.pt`."""
    most_categories: int = 500
    image_pixels: int = 160
    """Longer side of a thumbnail."""

    @property
    def folder(self) -> Path:
        """The data set's."""
        return self.root / self.name

    def require_free(self) -> None:
        """Refuse to write over an existing data set.

        Raises:
            DataError: it exists and `overwrite` is not set, or the name is no folder name.
        """
        require_folder_name(self.name)
        if self.folder.exists() and not self.overwrite:
            raise DataError(f"{self.folder} exists already; --overwrite replaces it once the new one is complete")


@dataclass(frozen=True)
class Outcome:
    """What was read and written."""

    reviews: int
    interactions: int
    """In the `.inter`, before filtering."""
    found: Found
    kept: Interactions
    items: dict[str, Item]
    """Metadata of kept items."""
    metadata_repeats: int
    dropped_items: int
    """Items whose interactions were dropped for want of metadata."""
    categories: list[str]
    """Columns of `cat.pt`."""
    all_categories: int
    """Names of categories there were."""
    thumbnails: Thumbnails | None

    @property
    def tokens(self) -> list[str]:
        """Item ids in the order of their numbers, from 1."""
        return self.kept.item_tokens[1:].tolist()


@dataclass(frozen=True)
class Job:
    """A source and all that is wanted of it."""

    source: Source
    settings: Settings
    policies: Policies
    reader: Reader
    find_images: ImageFinder | None = None
    """Where images are wanted."""
    told: Callable[[int], None] = lambda images: None
    """Is called with numbers of thumbnails made."""
    stage: Callable[[str], None] = lambda name: None
    """Is told what is begun."""
    finish: Callable[[Path, Outcome], None] = lambda folder, outcome: None
    """Writes more into the folder before it takes its place."""


def prepare(job: Job) -> Outcome:
    """Read a source and write its data set folder.

    Raises:
        DataError: the source cannot be used, nothing is left of it, or the folder exists; the folder is as before.
        OSError: the folder cannot be written.
    """
    job.settings.require_free()
    with replacing(job.settings.folder) as folder:
        folder.mkdir()
        outcome = _write_rest(folder, job, _read(folder, job))
        job.finish(folder, outcome)
        job.settings.require_free()
    return outcome


@dataclass(frozen=True)
class _Read:
    reviews: int
    log: Log
    found: Found
    kept: Interactions
    items: dict[str, Item]
    metadata_repeats: int
    dropped_items: int = 0


def _read(folder: Path, job: Job) -> _Read:
    """Read all of the source and write the `.inter`, whose own reading decides which items are kept."""
    raw = collect(job.source.reviews(job.reader))
    job.stage("filtering and numbering")
    log, found = apply_policies(raw, job.policies, time.time())
    kept = _number(folder, job.settings, log)
    tokens = set(kept.item_tokens[1:].tolist())
    items: dict[str, Item] = {}
    repeats = 0
    for item in job.source.items(job.reader, tokens):
        repeats += item.item_id in items
        items.setdefault(item.item_id, item)
    read = _Read(len(raw), log, found, kept, items, repeats)
    if job.policies.without_metadata == "keep" or tokens == items.keys():
        return read
    if not items:
        raise DataError(
            "no item that filtering keeps has metadata, so that --without-metadata drop would leave nothing"
        )
    log = log.of_items(items.keys())
    kept = _number(folder, job.settings, log)
    return replace(read, log=log, kept=kept, dropped_items=len(read.kept.item_tokens) - len(kept.item_tokens))


def _number(folder: Path, settings: Settings, log: Log) -> Interactions:
    path = folder / f"{settings.name}.inter"
    writing.write_interactions(path, log, settings.config)
    try:
        return prepare_interactions(path, settings.config)
    except DataError as error:  # the folder has another name as long as it is not complete
        raise DataError(str(error).replace(str(path), path.name)) from None


def _write_rest(folder: Path, job: Job, read: _Read) -> Outcome:
    settings = job.settings
    tokens = read.kept.item_tokens[1:].tolist()
    items = {token: read.items[token] for token in tokens if token in read.items}
    thumbnails = None
    if job.find_images:
        images = job.find_images(tokens, items)
        thumbnails = write_thumbnails(folder / IMAGE_FOLDER, images, settings.image_pixels, job.told)
    job.stage("writing items")
    categories = writing.choose_categories(items.values(), settings.least_category_items, settings.most_categories)
    if categories:
        writing.write_categories(folder, tokens, items, categories)
    if items or thumbnails:
        made = thumbnails.made if thumbnails else set()
        writing.write_items(folder / f"{settings.name}.item", tokens, items, made, settings.config.ITEM_ID_FIELD)
    writing.write_item_list(folder / ITEM_LIST, tokens)
    return Outcome(
        reviews=read.reviews,
        interactions=len(read.log),
        found=read.found,
        kept=read.kept,
        items=items,
        metadata_repeats=read.metadata_repeats,
        dropped_items=read.dropped_items,
        categories=categories,
        all_categories=len({name for item in items.values() for name in item.categories}),
        thumbnails=thumbnails,
    )
