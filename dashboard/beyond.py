"""Measures beyond accuracy in words, and as a table and points. Pure functions; `docs/evaluation.md` defines them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Measure:
    """What a measure is called and says."""

    title: str
    better: str
    meaning: str


MEASURES: Mapping[str, Measure] = {
    "coverage": Measure("catalogue coverage", "higher", "Share of all items that somebody is recommended."),
    "gini": Measure("Gini", "lower", "0: all items are recommended equally often; near 1: everyone gets the same few."),
    "novelty": Measure("novelty, bits", "no side", "How few users know the items; one bit more is half as many users."),
    "popularity_lift": Measure(
        "popularity lift", "near 0", "How much more popular the list is than the user's own history; 1 is twice."
    ),
    "diversity_categories": Measure("diversity, categories", "higher", "0: a list's items share their categories."),
    "diversity_txt": Measure("diversity, text", "higher", "0: a list's items have the same text features."),
    "diversity_img": Measure("diversity, images", "higher", "0: a list's items have the same image features."),
}
OF_USERS = tuple(name for name in MEASURES if name not in ("coverage", "gini"))
"""Those that each user has a value of: columns of the per-user results."""


def points(found: Mapping[int, dict]) -> pd.DataFrame:
    """Columns trial, measure, value, of the measures that this version knows; the trials in their order.

    Args:
        found: of each trial what its file says of all its lists (`results.list_measures`).
    """
    rows = [
        {"trial": number, "measure": key.partition("@")[0], "value": value}
        for number, one in found.items()
        for key, value in one["measures"].items()
        if key.partition("@")[0] in MEASURES
    ]
    return pd.DataFrame(rows, columns=["trial", "measure", "value"]).astype({"value": float})


def measures_table(values: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """A row a measure, a column a trial, then which way is better and what it means."""
    wide = values.pivot(index="measure", columns="trial", values="value")
    wide = wide.reindex(index=[name for name in MEASURES if name in wide.index], columns=values["trial"].unique())
    frame = wide.rename(columns=lambda number: f"trial {number}").rename_axis(index=None, columns=None)
    frame.insert(0, "measure", [f"{MEASURES[name].title} @{cutoff}" for name in frame.index])
    frame["better"] = [MEASURES[name].better for name in frame.index]
    frame["what it says"] = [MEASURES[name].meaning for name in frame.index]
    return frame.reset_index(drop=True)


def sentence(row: Mapping, cutoff: int) -> str:
    """What one user's list is like; empty where the file is of an older version."""
    parts = [f"{MEASURES[name].title} {row[name]:.2f}" for name in OF_USERS if row.get(name) is not None]
    return f"Its first {cutoff}: {'; '.join(parts)}." if parts else ""
