"""Stored trials by slice of users: means, and the paired difference of each to the first."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException
from scipy.stats import t

from athwe.evaluation.metrics import values_of
from athwe.evaluation.slices import FACTS, Categories, Slice, mean_and_error, slices_of, worst_slice
from athwe.evaluation_config import EvaluationConfig
from tuning.errors import SearchError
from tuning.files.results import data_name, read_user_ranks, recommendations_name
from tuning.files.storage import Storage

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Cell:
    """One trial in one slice; the difference is to the first trial, user by user, with its 95 % interval (Student's t).

    NaN where there is nothing to compare with, or one user only.
    """

    mean: float
    standard_error: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One slice."""

    family: str
    label: str
    users: int
    cells: dict[int, Cell]
    """By trial."""
    worst_of: tuple[int, ...] = ()
    """Trials that serve it worst of all slices with enough users."""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        cells = {
            number: {k: None if v != v else v for k, v in asdict(one).items()} for number, one in self.cells.items()
        }
        return {**vars(self), "cells": cells}


def read_ranks(storage: Storage, study: str, numbers: Sequence[int]) -> pd.DataFrame:
    """Users that all of the trials have: their facts and target, and the target's rank under each trial's number.

    Raises:
        SearchError: a trial has no per-user results that can be read, or no user is in all of them.
    """
    found: pd.DataFrame | None = None
    for number in numbers:
        name = recommendations_name(f"{study}.{number}")
        try:
            frame = read_user_ranks(storage, name, (*FACTS, "target")).to_pandas().set_index("user")
        except FileNotFoundError:
            why = "it has had no best epoch, or they are gone"
            raise SearchError(f"trial {number} has no per-user results in {storage.url}: {why}") from None
        except (ArrowException, OSError) as error:
            raise unreadable(storage, name, error) from None
        ranks = frame[["target_rank"]].set_axis([str(number)], axis=1)
        found = frame.drop(columns="target_rank").join(ranks) if found is None else found.join(ranks, how="inner")
    if found is None or found.empty:
        raise SearchError("no user is in the results of all of these trials")
    return found


def read_items(storage: Storage, data_fingerprint: str) -> pd.DataFrame | None:
    """Columns item_id and categories of a study's data set; None where no search has written them.

    Raises:
        SearchError: they cannot be read.
    """
    name = data_name(data_fingerprint, "items")
    try:
        return pd.read_parquet(BytesIO(storage.read(name)), columns=["item_id", "categories"])
    except FileNotFoundError:
        return None
    except (ArrowException, OSError) as error:
        raise unreadable(storage, name, error, "; delete it, and slices do without categories") from None


def categories(users: pd.DataFrame, items: pd.DataFrame) -> Categories:
    """The categories of the users' targets; `items` has the columns item_id and categories."""
    by_item = items.set_index("item_id")["categories"].to_dict()
    names = pd.Series([by_item.get(target) for target in users["target"]]).explode().dropna()
    return Categories(names.index.to_numpy(), names.to_numpy(dtype=str))


def compare(
    users: pd.DataFrame, items: pd.DataFrame | None, numbers: Sequence[int], metric: str, config: EvaluationConfig
) -> list[Row]:
    """All users, then every slice; `config` says which ones may be the worst."""
    ranks = {number: users[str(number)].to_numpy() for number in numbers}
    values = {number: values_of(metric, each) for number, each in ranks.items()}
    facts = {column: users[column].to_numpy() for column in FACTS if column in users}
    cut = slices_of(facts, None if items is None else categories(users, items))
    fit = [one for one in cut if one.family in config.worst_slice_families]
    worst = {number: worst_slice(each, fit, metric, config.worst_slice_users).slice for number, each in ranks.items()}
    everybody = Slice("all", "all users", np.arange(len(users)))
    return [
        Row(one.family, one.label, len(one.users), _cells(values, one),
            tuple(number for number, its in worst.items() if its is one))
        for one in (everybody, *cut)
    ]  # fmt: skip


def unreadable(storage: Storage, name: str, error: Exception, remedy: str = "") -> SearchError:
    """What to raise for per-user results or items that cannot be read; `remedy` is added as it is."""
    return SearchError(f"cannot read {name} in {storage.url}: {' '.join(str(error).split())}{remedy}")


def _cells(values: Mapping[int, np.ndarray], one: Slice) -> dict[int, Cell]:
    first = next(iter(values))
    return {
        number: Cell(*mean_and_error(each[one.users]), *_paired((each - values[first])[one.users], number != first))
        for number, each in values.items()
    }


def _paired(difference: np.ndarray, is_other: bool) -> tuple[float, float, float]:
    if not is_other:
        return float("nan"), float("nan"), float("nan")
    mean, error = mean_and_error(difference)
    half = float(t.ppf((1 + CONFIDENCE) / 2, max(1, len(difference) - 1))) * error
    return mean, mean - half, mean + half
