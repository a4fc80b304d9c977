"""The trials that no other is better than, where there are several objectives."""

from collections.abc import Mapping

import pandas as pd

from tuning.schema import COMPLETE
from tuning.store import Store

Point = Mapping[str, float]
"""A trial's values by objective."""


def complete_points(values: pd.DataFrame, objectives: Mapping[str, str]) -> dict[int, dict[str, float]]:
    """Values of the complete trials that have one of every objective, by number; `values` as `Store.values` gives them.

    What needs more than a trial may is not complete, so all of them are feasible.
    """
    mine = values[(values["state"] == COMPLETE) & values["name"].isin(list(objectives))]
    wide = mine.pivot(index="number", columns="name", values="value").reindex(columns=list(objectives)).dropna()
    return {int(number): {name: float(row[name]) for name in objectives} for number, row in wide.iterrows()}  # type: ignore[call-overload]


def pareto_set(points: Mapping[int, Point], objectives: Mapping[str, str]) -> list[int]:
    """Numbers of the trials of which no other is at least as good in every objective and better in one.

    Trials that are equal in all of them stand beside each other. Best in the first objective first.

    Args:
        points: values by trial.
        objectives: their directions, `maximize` or `minimize`, by name.
    """
    costs = {
        number: tuple(point[name] * (-1 if direction == "maximize" else 1) for name, direction in objectives.items())
        for number, point in points.items()
    }
    best = [number for number, cost in costs.items() if not any(_dominates(other, cost) for other in costs.values())]
    return sorted(best, key=lambda number: (costs[number], number))


def pareto_of(store: Store, study_name: str, objectives: Mapping[str, str]) -> dict[int, dict[str, float]]:
    """The Pareto set of a stored study, values by trial; empty where there is one objective, which has a best trial."""
    if len(objectives) < 2:
        return {}
    points = complete_points(store.values(study_name), objectives)
    return {number: points[number] for number in pareto_set(points, objectives)}


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
