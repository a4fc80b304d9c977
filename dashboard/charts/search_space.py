"""What parameters have to do with the value."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import HEIGHT, colours_of, finish
from dashboard.labels import PALETTE
from dashboard.space import Kind, order, words

MAX_LINES = 500
"""Lines of parallel coordinates: more hide each other, and each costs a browser without a graphics card time."""


def parallel_coordinates(
    parameters: pd.DataFrame, values: pd.Series, kinds: Mapping[str, Kind], label: str, direction: str
) -> go.Figure:
    """One axis a parameter and one for the value, one line a trial with a value, coloured by it.

    Parameters that never vary say nothing and are left out; words become evenly spaced ticks. Of more than MAX_LINES
    trials some are shown, from the best to the worst.
    """
    shown = spread(values.dropna(), MAX_LINES, direction)
    parameters, values = parameters.loc[shown], values[shown]
    axes = [
        axis(name, parameters[name], kinds[name]) for name in parameters if parameters[name].nunique(dropna=True) > 1
    ]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[*axes, {"label": "value", "values": values}], labelangle=-18, labelside="top",
            labelfont={"size": 12}, tickfont={"size": 11},
            line={"color": values, "colorscale": colours_of(direction), "showscale": True,
                  "colorbar": {"title": label}},
        )
    )  # fmt: skip
    figure.update_traces(line_colorbar={"title": {"side": "right"}, "thickness": 12})
    return finish(figure, 440, margin={"l": 90, "r": 70, "t": 100, "b": 30})


def spread(values: pd.Series, count: int, direction: str) -> pd.Index:
    """Where at most `count` of the values are, evenly spread over their ranks, the best and the worst among them."""
    ranked = values.sort_values(ascending=direction == "minimize", kind="stable").index
    if len(ranked) > count:
        ranked = ranked[np.linspace(0, len(ranked) - 1, count).round().astype(int)]
    return ranked.sort_values()


def axis(name: str, column: pd.Series, kind: Kind) -> dict:
    """A parallel coordinates axis: its label, its values as numbers, and ticks where they are not plain numbers."""
    if kind == "words":
        choices = order(column)
        places = words(column).map({word: place for place, word in enumerate(choices)}).astype(float)
        return {"label": name, "values": places, "tickvals": list(range(len(choices))), "ticktext": choices}
    column = column.astype(float)
    present = column.dropna()
    if kind == "log":
        ticks = np.linspace(np.log10(present.min()), np.log10(present.max()), 5)
        return {
            "label": f"{name} (log)", "values": np.log10(column),
            "tickvals": ticks, "ticktext": [f"{10**tick:.2g}" for tick in ticks],
        }  # fmt: skip
    if present.nunique() <= 8 and (present % 1 == 0).all():
        ticks = sorted(present.unique())
        return {"label": name, "values": column, "tickvals": ticks, "ticktext": [f"{tick:.0f}" for tick in ticks]}
    return {"label": name, "values": column}


def importance(importances: pd.DataFrame, label: str) -> go.Figure:
    """Bars of each parameter's importance, one colour an evaluator, since evaluators disagree."""
    order = importances.groupby("parameter")["value"].mean().sort_values().index
    figure = go.Figure()
    for place, (evaluator, rows) in enumerate(importances.groupby("evaluator")):
        rows = rows.set_index("parameter").reindex(order)
        figure.add_bar(
            x=rows["value"], y=rows.index, name=evaluator, orientation="h", marker_color=PALETTE[place % len(PALETTE)],
            hovertemplate=f"%{{y}}: %{{x:.3f}}<extra>{evaluator}</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", showlegend=True)
    figure.update_xaxes(title=f"importance for {label}", rangemode="tozero")
    figure.update_yaxes(automargin=True)
    return finish(figure, max(HEIGHT, 110 + 26 * len(order)))
