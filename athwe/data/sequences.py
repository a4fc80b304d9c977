"""Histories as right-padded arrays."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What one step sees. Items are right-padded with 0, timestamps are unix seconds, 0 at padding."""

    item_sequence: Int64[Tensor, "B L"]
    timestamp: Int64[Tensor, "B L"]
    length: Int64[Tensor, " B"]
    target: Int64[Tensor, " B"]

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on `device`."""
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()})


def gather_histories(
    position: Int64[np.ndarray, " n"],
    length: Int64[np.ndarray, " n"],
    width: int,
    *columns: Int64[np.ndarray, " interactions"],
) -> tuple[Int64[np.ndarray, "n width"], ...]:
    """For each row the `length` values before `position`, oldest first, right-padded with 0 to `width`.

    >>> gather_histories(np.array([2, 3]), np.array([2, 1]), 3, np.array([7, 8, 9, 6]))
    (array([[7, 8, 0],
           [9, 0, 0]]),)
    """
    step = np.arange(width)
    index = (position - length)[:, None] + step
    valid = step < length[:, None]
    # What lies past the end belongs to padding, so any value will do there until the product clears it.
    return tuple(column.take(index, mode="clip") * valid for column in columns)


def gather_ranges(
    position: Int64[np.ndarray, " n"], count: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " total"], Int64[np.ndarray, " total"]]:
    """Rows and indices of the `count` entries before each `position`, one after the other.

    >>> gather_ranges(np.array([2, 6]), np.array([2, 1]))
    (array([0, 0, 1]), array([0, 1, 5]))
    """
    row = np.repeat(np.arange(len(position)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return row, (position - count)[row] + within
