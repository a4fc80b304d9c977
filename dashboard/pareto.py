"""The trials that no other is better than, where a study has several objectives.

The search has the same rule in `tuning/findings/pareto.py`, pair by pair for its summary. The dashboard may not import
it and draws up to thousands of trials at every look, so this one is in numpy; a test holds the two together.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tuning.schema import COMPLETE


def points(values: pd.DataFrame, objectives: Mapping[str, str]) -> pd.DataFrame:
    """The complete trials that have a value of every objective, by number: one column an objective, in their order.

    `values` is in long form, as `Store.values` gives it.
    """
    mine = values[(values["state"] == COMPLETE) & values["name"].isin(list(objectives))]
    wide = mine.pivot(index="number", columns="name", values="value").reindex(columns=list(objectives))
    return wide.astype(float).dropna().rename_axis(columns=None)


def front(points: pd.DataFrame, objectives: Mapping[str, str]) -> list[int]:
    """Numbers of the trials of which no other is at least as good in every objective and better in one.

    Trials that are equal in all of them stand beside each other. Best in the first objective first.

    Args:
        points: one row a trial, indexed by number, one column an objective.
        objectives: their directions, `maximize` or `minimize`, by name.
    """
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in objectives.values()]
    costs = points[list(objectives)].to_numpy(float) * signs
    best = [place for place, cost in enumerate(costs) if not _is_dominated(cost, costs)]
    return [int(points.index[place]) for place in sorted(best, key=lambda at: (*costs[at], points.index[at]))]


def _is_dominated(cost: np.ndarray, costs: np.ndarray) -> bool:
    return bool(((costs <= cost).all(axis=1) & (costs < cost).any(axis=1)).any())
