"""Which trials a chart shows where all of them would hide each other and keep the browser busy."""

import numpy as np
import pandas as pd

BEST_SHOWN = 100
"""Best trials that are never left out."""


def best_and_spread(values: pd.Series, count: int, direction: str) -> pd.Index:
    """Where at most `count` of the values are: the best BEST_SHOWN, and the rest evenly spread over their ranks."""
    ranked = values.dropna().sort_values(ascending=direction == "minimize", kind="stable").index
    first = min(BEST_SHOWN, count)
    best, rest = ranked[:first], ranked[first:]
    return best.append(rest[evenly(len(rest), count - len(best))]).sort_values()


def evenly(length: int, count: int) -> np.ndarray:
    """At most `count` places of `length`, the first and the last among them."""
    return np.linspace(0, length - 1, min(length, count)).round().astype(int)


def sentence(shown: int, trials: int) -> str:
    """What is shown of so many trials with a value, as the start of a caption."""
    if shown >= trials:
        return f"{trials:,} trials with a value"
    return f"{shown:,} of {trials:,} trials with a value: the best {BEST_SHOWN} and an even sample of the rest"
