"""Means of many models over resampled users, in bounded memory: counts of users times a matrix of their values."""

from collections.abc import Iterator

import numpy as np

BLOCK_BYTES = 2**25
"""What a block of counts takes at most; the values of 66,519 users and 50 models take 13 MB beside it."""


def resampled_means(values: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Bootstrap: means over as many users as there are, drawn with replacement, the same ones for every model.

    Args:
        values: (users, models), one value a user and model.

    Returns:
        (resamples, models) float64.
    """
    users = len(values)
    means = np.empty((resamples, values.shape[1]))
    for start, counts in _blocks(resamples, users):
        for row in counts:
            row[:] = np.bincount(generator.integers(0, users, users, dtype=np.int32), minlength=users)
        means[start : start + len(counts)] = counts @ _single(values)
    return means / users


def half_means(values: np.ndarray, splits: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Means over a random half of the users and over the other half, each (splits, models) float64.

    Of an odd number of users one is left out, so that both halves say equally much.
    """
    half = len(values) // 2
    first, second = np.empty((2, splits, values.shape[1]))
    for start, chosen in _blocks(splits, len(values)):
        both = np.zeros((2, *chosen.shape), np.float32)
        for row in range(len(chosen)):
            order = generator.permutation(len(values))
            both[0, row, order[:half]] = 1
            both[1, row, order[half : 2 * half]] = 1
        first[start : start + len(chosen)], second[start : start + len(chosen)] = both @ _single(values)
    return first / half, second / half


def _blocks(rows: int, columns: int) -> Iterator[tuple[int, np.ndarray]]:
    """Start and zeros (rows of it, columns) float32 of one block after another."""
    most = max(1, BLOCK_BYTES // (4 * columns))
    for start in range(0, rows, most):
        yield start, np.zeros((min(most, rows - start), columns), np.float32)


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32, copy=False)
