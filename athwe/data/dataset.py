"""One data set, read, filtered and ready to be cut into batches."""

import copy
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32, Int64, Shaped

from athwe.config import MODALITIES, DataConfig, Modality
from athwe.config_files import load_config
from athwe.data.cache import array_digest
from athwe.data.folders import find_dataset
from athwe.data.interactions import Interactions, read_interactions
from athwe.data.items import read_items
from athwe.data.modalities import read_attributes, read_features
from athwe.data.sequences import Batch, gather_histories, gather_ranges
from athwe.data.split import Split, TimeCut, count_preceding, moment, target_positions, target_positions_in_time
from athwe.errors import DataError, SealedError


@dataclass(frozen=True)
class Dataset:
    """Numpy arrays only, so that processes can share one copy; nothing here writes to them.

    Interactions are sorted by user, then time. A position is an index into `item` and `timestamp`; user u's positions
    are `[user_offset[u], user_offset[u + 1])`. User and item 0 are padding.
    """

    name: str
    folder: str
    """Absolute path; image paths in `items` are relative to it."""
    fingerprint: str
    """Hash of the prepared content and of the settings that shape it; given as "", it is computed."""
    user_tokens: Shaped[np.ndarray, " users"]
    """External ids by internal id, index 0 is `[PAD]`."""
    item_tokens: Shaped[np.ndarray, " N"]
    item: Int64[np.ndarray, " interactions"]
    timestamp: Int64[np.ndarray, " interactions"]
    """Unix seconds."""
    preceding: Int64[np.ndarray, " interactions"]
    """How many interactions of the same user lie before."""
    user_offset: Int64[np.ndarray, " users_and_one"]
    max_length: int
    """L, the longest history that is cut out."""
    modalities: tuple[Modality, ...]
    """Streams in use, in the order item, txt, img."""
    features: dict[str, Float32[np.ndarray, "N _"]]
    """Frozen features of the streams in use but `item`; row 0 is zero."""
    attributes: Float32[np.ndarray, "N A"] | None
    """Multi-hot categories, or None where there are none."""
    items: pd.DataFrame
    """item_id, title, categories, image, one row for each of `item_tokens[1:]`; image is "" where there is none."""
    cut: TimeCut | None = None
    """Where `split: time` cuts; None is leave-one-out."""
    is_sealed: bool = False
    """Whether the test targets were cut off (`sealed`)."""
    feature_digests: dict[str, str] = field(init=False)
    """`array_digest` of each of the features: taken once here, it travels along to whoever asks the cache."""

    def __post_init__(self) -> None:
        digests = {name: array_digest(array) for name, array in self.features.items()}
        object.__setattr__(self, "feature_digests", digests)  # the class is frozen
        object.__setattr__(self, "fingerprint", self.fingerprint or _fingerprint(self))

    @property
    def n_items(self) -> int:
        """N, the number of items including padding."""
        return len(self.item_tokens)

    @property
    def n_users(self) -> int:
        """Number of users including padding."""
        return len(self.user_tokens)

    def positions(self, split: Split) -> Int64[np.ndarray, " n"]:
        """Positions of the targets of a split.

        Raises:
            SealedError: the test split of a sealed data set.
        """
        if self.is_sealed and split == "test":
            raise SealedError(
                f"the test split of {self.name} is sealed here: a search goes by valid, and only "
                "`python tuning/finalize.py --study NAME` looks at test, which it writes down"
            )
        if self.cut is not None:
            return target_positions_in_time(self.preceding, self.timestamp, self.cut, split)
        return target_positions(self.user_offset, split, self.is_sealed)

    def sealed(self) -> "Dataset":
        """The same data set without its test targets, nor anything as late with `split: time`: no array holds any.

        Training and validation are the same to the bit, and so is the fingerprint, so that checkpoints fit both. A
        user's only interaction is no test target of leave-one-out and stays; with `split: time` users may be left
        without any.
        """
        if self.is_sealed:
            return self
        if self.cut is not None:
            kept = self.timestamp < self.cut.test_from
        else:
            kept = np.ones(len(self.item), bool)
            kept[self.positions("test")] = False
        sealed = copy.copy(self)  # not `replace`, which would take the features' digests again
        vars(sealed).update(
            item=self.item[kept],
            timestamp=self.timestamp[kept],
            preceding=self.preceding[kept],
            user_offset=np.concatenate([[0], np.cumsum(kept)])[self.user_offset],
            is_sealed=True,
        )
        return sealed

    def lengths(self, positions: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """How long the history before each position is, as far as it is cut out."""
        return np.minimum(self.preceding[positions], self.max_length)

    def users(self, positions: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Whose interaction each position is."""
        return np.searchsorted(self.user_offset, positions, side="right") - 1

    def training_positions(self) -> Int64[np.ndarray, " n"]:
        """All that training holds: its targets, and users' first interactions, which only ever are history.

        With `split: time` first interactions after the cut are not among them. A sealed data set has the same ones.
        """
        is_held = (self.preceding == 0) & (self.timestamp < self.cut.valid_from if self.cut else True)
        is_held[self.positions("train")] = True
        return np.flatnonzero(is_held)

    def training_counts(self) -> Int64[np.ndarray, " N"]:
        """How often each item occurs in training, the same for a sealed data set."""
        return np.bincount(self.item[self.training_positions()], minlength=self.n_items)

    def item_categories(self) -> list[list[str]]:
        """Names of the categories of each of `item_tokens[1:]`: those of `items`, or the columns of `attributes` where
        no item has a name for them. Each once: who is in a slice twice would count twice.
        """
        names = [list(dict.fromkeys(each)) for each in self.items["categories"].str.split()]
        if any(names) or self.attributes is None:
            return names
        found: list[list[str]] = [[] for _ in range(1, self.n_items)]
        for item, column in zip(*(index.tolist() for index in np.nonzero(self.attributes[1:])), strict=True):
            found[item].append(f"category {column}")
        return found

    def batch(self, positions: Int64[np.ndarray, " B"]) -> Batch:
        """Targets at `positions` with their histories, padded to the longest of them only."""
        length = self.lengths(positions)
        items, timestamps = gather_histories(positions, length, int(length.max()), self.item, self.timestamp)
        arrays = (items, timestamps, length, self.item[positions])
        return Batch(*map(torch.from_numpy, arrays))  # all made here, so never read-only

    def seen(self, positions: Int64[np.ndarray, " B"]) -> tuple[Int64[np.ndarray, " seen"], Int64[np.ndarray, " seen"]]:
        """Rows and items of everything before each target, not the last `max_length` only, but never the target."""
        row, index = gather_ranges(positions, self.preceding[positions])
        item = self.item[index]
        other = item != self.item[positions][row]
        return row[other], item[other]


def load_dataset(name: str, root: str | Path | None = None, config: DataConfig | None = None) -> Dataset:
    """Read a data set folder (`dataset/README.md`); `demo` is generated where it is not there yet.

    Args:
        name: the folder's name.
        root: first folder to look in, before `ATHWE_DATASET_ROOT` and the config's `data_path`.
        config: settings; by default those of `config/data.yaml` and `config/<name>.yaml`.

    Raises:
        DataError: no such data set, or files that break the contract.
        ConfigError: settings that cannot be used.
    """
    config = config or load_config(name)
    folder = find_dataset(name, root, config.data_path)
    interactions = read_interactions(folder / f"{name}.inter", config)
    cut = _cut_of(interactions, config, folder / f"{name}.inter")
    features = read_features(folder, interactions.item_tokens, config.modalities)
    return Dataset(
        name=name,
        folder=str(folder),
        fingerprint="",
        preceding=count_preceding(interactions.user_offset),
        max_length=config.MAX_ITEM_LIST_LENGTH,
        cut=cut,
        modalities=config.modalities or tuple(name for name in MODALITIES if name == "item" or name in features),
        features=features,
        attributes=read_attributes(folder, interactions.item_tokens),
        items=read_items(folder, name, config.ITEM_ID_FIELD, interactions.item_tokens),
        **vars(interactions),
    )


def _cut_of(interactions: Interactions, config: DataConfig, path: Path) -> TimeCut | None:
    """Where the split cuts in time, or None; refused where a split would be left without a target."""
    if config.split != "time":
        return _require_training_samples(interactions, path)
    times = interactions.timestamp
    cut = TimeCut(moment(config.valid_from, times), moment(config.test_from, times))
    if cut.valid_from >= cut.test_from:
        raise DataError(f"split: time of {path} needs valid_from before test_from, got {cut}: set other cuts")
    preceding = count_preceding(interactions.user_offset)
    for split in get_args(Split):
        if not len(target_positions_in_time(preceding, times, cut, split)):
            first, last = (datetime.fromtimestamp(int(each), UTC).date() for each in (times.min(), times.max()))
            raise DataError(
                f"split: time of {path} leaves no target for {split} ({cut}; its interactions are from {first} to "
                f"{last}): set other valid_from and test_from, or split: leave_one_out"
            )
    return cut


def _require_training_samples(interactions: Interactions, path: Path) -> None:
    longest = int(np.diff(interactions.user_offset).max())
    if longest < 4:
        raise DataError(
            f"no user of {path} has the 4 interactions that a training sample needs (its target, one before it, and "
            f"the two held out); the most is {longest}"
        )


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((dataset.name, dataset.max_length, dataset.modalities, dataset.feature_digests)).encode())
    if dataset.cut is not None:  # so that leave-one-out keeps the fingerprints it had before there was a choice
        digest.update(repr(dataset.cut).encode())
    for tokens in (dataset.user_tokens, dataset.item_tokens, *(dataset.items[name] for name in dataset.items)):
        digest.update("\0".join(tokens).encode())
    for array in (dataset.item, dataset.timestamp, dataset.user_offset, dataset.attributes):
        digest.update(b"" if array is None else array_digest(array).encode())
    return digest.hexdigest()
