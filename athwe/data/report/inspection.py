"""Count the numbers of a report in a loaded data set."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from athwe.config import Config
from athwe.data.dataset import Dataset
from athwe.data.report.facts import Counts, Coverage, DataReport, Histogram
from athwe.data.report.gaps import BucketUse, bucket_use, propose
from athwe.data.report.levels import levels, propose_levels
from athwe.data.split import Split
from athwe.data.tables import read_columns
from athwe.data.time_leak import training_after_test

SPLITS: tuple[Split, ...] = get_args(Split)
_QUANTILES = {"min": 0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "max": 1}
BINS = 60
"""Bars of the charts over time and over gaps."""
Found = TypeVar("Found")


def inspect(dataset: Dataset, config: Config, path: Path) -> DataReport:
    """Look at a data set, test targets included.

    Args:
        path: of its `.inter` file, for what was there before filtering.

    Raises:
        DataError: the file is not there any more.
    """
    positions = {split: dataset.positions(split) for split in SPLITS}
    is_repeat = _is_repeat(dataset)
    return DataReport(
        name=dataset.name,
        folder=dataset.folder,
        fingerprint=dataset.fingerprint,
        protocol=config.protocol,
        cut=str(dataset.cut) if dataset.cut else None,
        max_length=dataset.max_length,
        wavelet_J=config.wavelet_J,
        coverage=tuple(_coverage(dataset)),
        after_test=training_after_test(dataset),
        **_of_interactions(dataset, config, path, is_repeat),
        **_of_targets(dataset, positions, is_repeat),
        **_of_settings(dataset, config, positions["train"], positions["valid"]),
    )


def _of_interactions(dataset: Dataset, config: Config, path: Path, is_repeat: np.ndarray) -> dict[str, Any]:
    kept = Counts(len(dataset.item), dataset.n_users - 1, dataset.n_items - 1)
    follows = np.flatnonzero(dataset.preceding > 0)
    gaps = dataset.timestamp[follows] - dataset.timestamp[follows - 1]
    return {
        "in_file": _counts_in_file(path, config),
        "kept": kept,
        "sparsity": 1 - kept.interactions / (kept.users * kept.items),
        "first_second": int(dataset.timestamp.min()),
        "last_second": int(dataset.timestamp.max()),
        "time_step_seconds": int(np.gcd.reduce(gaps)),
        "equal_times": float((gaps == 0).mean()),
        "interactions_of_users": spread(np.diff(dataset.user_offset)[1:]),
        "interactions_of_items": spread(np.bincount(dataset.item, minlength=dataset.n_items)[1:]),
        "duplicates": _duplicates(dataset),
        "repeats": float(is_repeat.mean()),
    }


def _of_targets(dataset: Dataset, positions: Mapping[str, np.ndarray], is_repeat: np.ndarray) -> dict[str, Any]:
    def by_split(measure: Callable[[np.ndarray], Found]) -> dict[str, Found]:
        return {split: measure(each) for split, each in positions.items()}

    preceding, known = dataset.preceding, dataset.training_counts() > 0
    edges = np.linspace(dataset.timestamp.min(), max(dataset.timestamp.max(), dataset.timestamp.min() + 1), BINS + 1)
    return {
        "targets": by_split(len),
        "history_lengths": by_split(lambda each: spread(preceding[each])),
        "cut_histories": by_split(lambda each: float((preceding[each] > dataset.max_length).mean())),
        "gaps": by_split(lambda each: spread(_gaps(dataset, each))),
        "targets_in_history": by_split(lambda each: float(is_repeat[each].mean())),
        "unseen_targets": by_split(lambda each: float((~known[dataset.item[each]]).mean())),
        "over_time": by_split(lambda each: _histogram(dataset.timestamp[each], edges)),
    }


def _of_settings(dataset: Dataset, config: Config, train: np.ndarray, valid: np.ndarray) -> dict[str, Any]:
    gaps, lengths = _gaps(dataset, train), dataset.lengths(train)
    found, proposed = levels(lengths), propose(gaps)
    buckets = bucket_use(gaps, config.time_span, float(config.time_scale))
    uses = [use for use in (buckets, proposed) if use]
    asked = [bucket_use(_gaps(dataset, valid), use.time_span, use.time_scale) for use in uses]
    return {
        "buckets": buckets,
        "proposed_buckets": proposed,
        "saturated_in_validation": tuple(use.saturated for use in asked),
        "levels": tuple(found),
        "proposed": _proposal(proposed, propose_levels(found)),
        "over_lengths": _histogram(lengths, np.arange(1, dataset.max_length + 2)),
        "over_gaps": _over_gaps(gaps),
    }


def _gaps(dataset: Dataset, positions: np.ndarray) -> np.ndarray:
    return dataset.timestamp[positions] - dataset.timestamp[positions - 1]


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


def _coverage(dataset: Dataset) -> Iterator[Coverage]:
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


def _histogram(values: np.ndarray, edges: np.ndarray) -> Histogram:
    return Histogram(tuple(edges.tolist()), tuple(np.histogram(values, edges)[0].tolist()))


def _over_gaps(gap_seconds: np.ndarray) -> Histogram:
    long = gap_seconds[gap_seconds > 0]
    if not len(long):
        return Histogram((1.0, 2.0), (0,))
    edges = np.geomspace(long.min(), long.max() + 1, BINS + 1)
    edges[0], edges[-1] = long.min(), long.max() + 1  # rounding must not lose either end
    return _histogram(long, edges)
