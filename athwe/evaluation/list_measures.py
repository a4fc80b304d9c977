"""Measures beyond accuracy of a ranking's lists: a value a user, and one of all lists together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from athwe.data import Dataset
from athwe.evaluation.beyond_accuracy import catalogue_coverage, diversity, gini, novelty, popularity_lift
from athwe.evaluation.ranking import TOP_K, Ranking


@dataclass(frozen=True)
class ListMeasures:
    """What the first `cutoff` items of every list of a ranking are like."""

    split: str
    mask_seen: bool
    cutoff: int
    of_users: dict[str, np.ndarray]
    """(n,) float32 by measure, in the order of the ranking's positions; NaN where a user has no value."""
    of_all: dict[str, float | None]
    """By `<measure>@<cutoff>`: coverage and Gini of all lists, else means over the users with a value; None without."""

    def to_json(self) -> dict:
        """Split, mode, cutoff and the measures of all lists, JSON-able."""
        return {name: getattr(self, name) for name in ("split", "mask_seen", "cutoff")} | {"measures": self.of_all}


def selecting_cutoff(valid_key: str) -> int:
    """The cutoff that selection goes by, as far as lists are kept.

    >>> selecting_cutoff("valid/ndcg@10"), selecting_cutoff("valid/ndcg@100")
    (10, 50)
    """
    return min(int(valid_key.partition("@")[2]), TOP_K)


def measure_lists(ranking: Ranking, dataset: Dataset, split: str, cutoff: int) -> ListMeasures:
    """Measure the lists that a ranking gives, up to a cutoff; what `mask_seen` left out is no recommendation."""
    scores = ranking.top_scores[:, :cutoff]
    lists = np.where(np.isfinite(scores), ranking.top_items[:, :cutoff], 0)
    of_users = {name: values.astype(np.float32) for name, values in _of_users(lists, ranking.positions, dataset)}
    found = {"coverage": catalogue_coverage(lists, dataset.n_items), "gini": gini(lists, dataset.n_items)}
    found |= {name: _mean(values) for name, values in of_users.items()}
    of_all = {f"{name}@{cutoff}": None if np.isnan(value) else value for name, value in found.items()}
    return ListMeasures(split, ranking.mask_seen, cutoff, of_users, of_all)


def _of_users(lists: np.ndarray, positions: np.ndarray, dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    item_users, n_users = training_users(dataset)
    yield "novelty", novelty(lists, item_users, n_users)
    yield "popularity_lift", popularity_lift(lists, item_users, history_means(item_users, dataset, positions))
    if dataset.attributes is not None:
        yield "diversity_categories", diversity(lists, dataset.attributes)
    for name, features in dataset.features.items():
        yield f"diversity_{name}", diversity(lists, features)


def training_users(dataset: Dataset) -> tuple[np.ndarray, int]:
    """(N,) how many users have each item in training, and how many users have any; the same for a sealed data set."""
    position = dataset.training_positions()
    user = dataset.users(position)
    pairs = np.unique(user * dataset.n_items + dataset.item[position])
    return np.bincount(pairs % dataset.n_items, minlength=dataset.n_items), len(np.unique(user))


def history_means(values: np.ndarray, dataset: Dataset, positions: np.ndarray) -> np.ndarray:
    """(n,) means of an item's value over all of the history before each position."""
    before = np.concatenate([[0], np.cumsum(values[dataset.item])])
    length = dataset.preceding[positions]
    return (before[positions] - before[positions - length]) / length


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else float("nan")
