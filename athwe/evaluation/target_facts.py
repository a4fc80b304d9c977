"""What is known of the targets that users are sliced by, from the data alone."""

import numpy as np

from athwe.data import Dataset
from athwe.evaluation.slices import Categories, Slice, slices_of


def facts_of(dataset: Dataset, positions: np.ndarray) -> dict[str, np.ndarray]:
    """One value a target, by column of the per-user results.

    `history_end` counts all of the user's interactions before the target. `last_gap_seconds` is the time between the
    target and the item before it. `target_popularity` is how often the target occurs in training, for the test split
    too: what was held out makes no item better known.
    """
    return {
        "history_end": dataset.preceding[positions],
        "last_gap_seconds": dataset.timestamp[positions] - dataset.timestamp[positions - 1],
        "target_popularity": dataset.training_counts()[dataset.item[positions]],
    }


def categories_of(dataset: Dataset, positions: np.ndarray) -> Categories:
    """The categories of the targets."""
    names = dataset.item_categories()
    counts = np.array([0, *map(len, names)])  # the padding item has none
    flat = np.array([name for each in names for name in each], dtype=str)
    target = dataset.item[positions]
    count = counts[target]
    start = (np.cumsum(counts) - counts)[target]
    row = np.repeat(np.arange(len(positions)), count)
    return Categories(row, flat[np.arange(count.sum()) + np.repeat(start - np.cumsum(count) + count, count)])


def slices_of_targets(dataset: Dataset, positions: np.ndarray) -> list[Slice]:
    """Slices of the users whose targets stand at `positions`; rows are places in `positions`."""
    return slices_of(facts_of(dataset, positions), categories_of(dataset, positions))
