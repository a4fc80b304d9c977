"""Wavelet levels against history lengths: which of them see anything but the ends of a history."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

FILTER_TAPS = 8
"""Length of `db4`'s filters."""
MOST_LEVELS = 8
"""Of `wavelet_J`."""
ENOUGH = 0.1
"""Share of training histories that a level should serve to be proposed."""


@dataclass(frozen=True)
class Level:
    """One level of the wavelet transform."""

    level: int
    needed_items: int
    """Shortest history with a coefficient of this level that no end of the history reaches into."""
    histories: float
    """Share of the training histories that are that long."""


def levels(lengths: Int64[np.ndarray, " n"]) -> list[Level]:
    """Every level that `wavelet_J` may ask for.

    A filter of T taps leaves a coefficient free of the ends at level j from (T − 1) · 2^j items on, the rule of
    PyWavelets' `dwt_max_level`.

    >>> [(one.needed_items, one.histories) for one in levels(np.array([5, 14, 50, 50]))[:3]]
    [(14, 0.75), (28, 0.5), (56, 0.0)]
    """
    needed = [(FILTER_TAPS - 1) * 2**level for level in range(1, MOST_LEVELS + 1)]
    return [Level(place, items, float((lengths >= items).mean())) for place, items in enumerate(needed, start=1)]


def propose_levels(found: list[Level]) -> int:
    """The last level that serves `ENOUGH` of the histories, at least 1: 0 would take the wavelet alignment away."""
    return max([1, *(one.level for one in found if one.histories >= ENOUGH)])
