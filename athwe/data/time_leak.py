"""How much of training comes after test: what leave-one-out lets a model know of the future."""

from typing import NamedTuple

import numpy as np

from athwe.data.dataset import Dataset


class TrainingAfterTest(NamedTuple):
    """Shares of the training targets."""

    earliest: float
    """Later than the earliest test target."""
    median: float
    """Later than the median test target."""
    pair: float
    """Later than a test target, on average over test targets."""


def training_after_test(dataset: Dataset) -> TrainingAfterTest:
    """Shares of the training targets that are later than test targets; all 0 with `split: time`.

    Raises:
        SealedError: a sealed data set, which has no test targets.
    """
    test = dataset.timestamp[dataset.positions("test")]
    train = np.sort(dataset.timestamp[dataset.positions("train")])
    later = 1 - np.searchsorted(train, [test.min(), np.median(test), *test], side="right") / len(train)
    return TrainingAfterTest(float(later[0]), float(later[1]), float(later[2:].mean()))
