"""The numbers of the report, from a loaded data set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from athwe.config import Config
from athwe.data.dataset import Dataset
from athwe.data.report.gaps import BucketUse, bucket_use, propose
from athwe.data.report.levels import Level, levels, propose_levels
from athwe.data.split import Split
from athwe.data.tables import read_columns
from athwe.data.time_leak import TrainingAfterTest, training_after_test

SPLITS: tuple[Split, ...] = get_args(Split)
_QUANTILES = {"min": 0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "max": 1}
BINS = 60
"""Bars of the charts over time and over gaps."""


class Counts(NamedTuple):
    """How much there is."""

    interactions: int
    users: int
    items: int


class Coverage(NamedTuple):
    """How much of a data set has a kind of features."""

    name: str
    width: int | None
    """Numbers an item; None of texts and files."""
    items: float
    """Share of the items that have any."""
    interactions: float
    """Share of the interactions with such items."""


class Histogram(NamedTuple):
    """Counts between edges, one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """All that is known; shares are of 1, times unix seconds. `by split` is a value for train, valid and test."""

    name: str
    folder: str
    fingerprint: str
    protocol: str
    cut: str | None
    """Where `split: time` cuts."""
    in_file: Counts
    kept: Counts
    """After filtering."""
    sparsity: float
    first_second: int
    last_second: int
    time_step_seconds: int
    """Greatest common divisor of all time gaps: 86,400 of times that are days; 0 where all are the same."""
    interactions_of_users: Mapping[str, float]
    """Quantiles and mean."""
    interactions_of_items: Mapping[str, float]
    targets: Mapping[str, int]
    """By split."""
    history_lengths: Mapping[str, Mapping[str, float]]
    """By split, quantiles and mean before they are cut."""
    max_length: int
    cut_histories: Mapping[str, float]
    """By split, the share longer than `max_length`."""
    gaps: Mapping[str, Mapping[str, float]]
    """By split, seconds before its targets."""
    equal_times: float
    """Share of interactions at the very time of the user's one before: their order is that of the file."""
    buckets: BucketUse
    """Training gaps under the configuration."""
    proposed_buckets: BucketUse | None
    duplicates: int
    """Interactions with the same user, item and time as another."""
    repeats: float
    """Share of interactions with an item that the user had before."""
    targets_in_history: Mapping[str, float]
    """By split."""
    unseen_targets: Mapping[str, float]
    """By split, the share whose item training does not have."""
    after_test: TrainingAfterTest
    coverage: tuple[Coverage, ...]
    levels: tuple[Level, ...]
    wavelet_J: int
    proposed: Mapping[str, float | int]
    """Config keys with the values that the data suggests."""
    over_time: Mapping[str, Histogram]
    """By split, targets."""
    over_lengths: Histogram
    """Training histories."""
    over_gaps: Histogram
    """Training gaps longer than 0; edges in seconds."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = asdict(self)
        plain["coverage"] = [one._asdict() for one in self.coverage]
        return plain | {name: getattr(self, name)._asdict() for name in ("in_file", "kept", "after_test")}


def inspect(dataset: Dataset, config: Config, path: Path) -> DataReport:
    """Look at a data set, test targets included.

    Args:
        path: of its `.inter` file, for what was there before filtering.

    Raises:
        DataError: the file is not there any more.
    """
    positions = {split: dataset.positions(split) for split in SPLITS}
    gaps = {split: dataset.timestamp[each] - dataset.timestamp[each - 1] for split, each in positions.items()}
    lengths = {split: dataset.preceding[each] for split, each in positions.items()}
    is_repeat = _is_repeat(dataset)
    known = dataset.training_counts() > 0
    follows = np.flatnonzero(dataset.preceding > 0)
    all_gaps = dataset.timestamp[follows] - dataset.timestamp[follows - 1]
    found = levels(np.minimum(lengths["train"], dataset.max_length))
    proposed_buckets = propose(gaps["train"])
    kept = Counts(len(dataset.item), dataset.n_users - 1, dataset.n_items - 1)
    return DataReport(
        name=dataset.name,
        folder=dataset.folder,
        fingerprint=dataset.fingerprint,
        protocol=config.protocol,
        cut=str(dataset.cut) if dataset.cut else None,
        in_file=_counts_in_file(path, config),
        kept=kept,
        sparsity=1 - kept.interactions / (kept.users * kept.items),
        first_second=int(dataset.timestamp.min()),
        last_second=int(dataset.timestamp.max()),
        time_step_seconds=int(np.gcd.reduce(all_gaps)),
        interactions_of_users=spread(np.diff(dataset.user_offset)[1:]),
        interactions_of_items=spread(np.bincount(dataset.item, minlength=dataset.n_items)[1:]),
        targets={split: len(each) for split, each in positions.items()},
        history_lengths={split: spread(each) for split, each in lengths.items()},
        max_length=dataset.max_length,
        cut_histories={split: float((each > dataset.max_length).mean()) for split, each in lengths.items()},
        gaps={split: spread(each) for split, each in gaps.items()},
        equal_times=float((all_gaps == 0).mean()),
        buckets=bucket_use(gaps["train"], config.time_span, float(config.time_scale)),
        proposed_buckets=proposed_buckets,
        duplicates=_duplicates(dataset),
        repeats=float(is_repeat.mean()),
        targets_in_history={split: float(is_repeat[each].mean()) for split, each in positions.items()},
        unseen_targets={split: float((~known[dataset.item[each]]).mean()) for split, each in positions.items()},
        after_test=training_after_test(dataset),
        coverage=tuple(_coverage(dataset)),
        levels=tuple(found),
        wavelet_J=config.wavelet_J,
        proposed=_proposal(proposed_buckets, propose_levels(found)),
        over_time=_over_time(dataset, positions),
        over_lengths=_of(np.minimum(lengths["train"], dataset.max_length), np.arange(1, dataset.max_length + 2)),
        over_gaps=_over_gaps(gaps["train"]),
    )


def spread(values: Int64[np.ndarray, " n"]) -> dict[str, float]:
    """Quantiles and mean.

    >>> found = spread(np.array([1, 2, 6]))
    >>> found["min"], found["median"], found["max"], found["mean"]
    (1.0, 2.0, 6.0, 3.0)
    """
    at = np.quantile(values, list(_QUANTILES.values()))
    return dict(zip(_QUANTILES, at.tolist(), strict=True)) | {"mean": float(values.mean())}


def _counts_in_file(path: Path, config: Config) -> Counts:
    names = (config.USER_ID_FIELD, config.ITEM_ID_FIELD)
    table = read_columns(path, names)
    users, items = (pc.call_function("count_distinct", [table[name]]).as_py() for name in names)
    return Counts(table.num_rows, users, items)


def _is_repeat(dataset: Dataset) -> Bool[np.ndarray, " interactions"]:
    """Which interactions are with an item that the same user had before."""
    user = dataset.users(np.arange(len(dataset.item)))
    first = np.unique(user * dataset.n_items + dataset.item, return_index=True)[1]
    is_repeat = np.ones(len(dataset.item), bool)
    is_repeat[first] = False
    return is_repeat


def _duplicates(dataset: Dataset) -> int:
    user = dataset.users(np.arange(len(dataset.item)))
    order = np.lexsort((dataset.timestamp, dataset.item, user))
    columns = np.stack([user, dataset.item, dataset.timestamp])[:, order]
    return int((columns[:, 1:] == columns[:, :-1]).all(axis=0).sum())


def _coverage(dataset: Dataset):
    matrices = {**dataset.features, **({} if dataset.attributes is None else {"categories": dataset.attributes})}
    has = {name: (matrix[1:] != 0).any(axis=1) for name, matrix in matrices.items()}
    if len(dataset.items):
        has["title"] = (dataset.items["title"] != dataset.items["item_id"]).to_numpy()
        has["thumbnail"] = (dataset.items["image"] != "").to_numpy()
    for name, items in has.items():
        width = matrices[name].shape[1] if name in matrices else None
        yield Coverage(name, width, float(items.mean()), float(items[dataset.item - 1].mean()))


def _proposal(buckets: BucketUse | None, wavelet_levels: int) -> dict[str, float | int]:
    time: dict[str, float | int] = {}
    if buckets is not None:
        time = {"time_scale": buckets.time_scale, "time_span": buckets.time_span}
    return time | {"wavelet_J": wavelet_levels}


def _of(values: np.ndarray, edges: np.ndarray) -> Histogram:
    return Histogram(tuple(edges.tolist()), tuple(np.histogram(values, edges)[0].tolist()))


def _over_time(dataset: Dataset, positions: Mapping[str, np.ndarray]) -> dict[str, Histogram]:
    first, last = int(dataset.timestamp.min()), int(dataset.timestamp.max())
    edges = np.linspace(first, max(last, first + 1), BINS + 1)
    return {split: _of(dataset.timestamp[each], edges) for split, each in positions.items()}


def _over_gaps(gap_seconds: np.ndarray) -> Histogram:
    long = gap_seconds[gap_seconds > 0]
    if not len(long):
        return Histogram((1.0, 2.0), (0,))
    edges = np.geomspace(long.min(), long.max() + 1, BINS + 1)
    edges[0], edges[-1] = long.min(), long.max() + 1  # rounding must not lose either end
    return _of(long, edges)
