"""Value against one parameter at a time."""

import math
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import SCALE, dots, finish_once, scatter
from dashboard.space import Kind, order, words
from tuning import schema

_PANEL_HEIGHT = 250
_COLUMNS = 3
MAX_DOTS, FEWEST_TRIALS = 1200, 150
"""Dots of all panels together, which are what a browser takes its time for, and trials that are shown at least, where
not all are asked for."""


def slices(parameters: pd.DataFrame, trials: pd.DataFrame, kinds: Mapping[str, Kind], label: str) -> go.Figure:
    """One panel a parameter, one dot a trial with a value, later ones in amber; pruned ones are crosses.

    `parameters` and `trials` have the same rows.
    """
    known = trials["value"].notna()
    parameters, trials = parameters[known], trials[known]
    columns = min(_COLUMNS, len(parameters.columns))
    rows = -(-len(parameters.columns) // columns)
    height = rows * _PANEL_HEIGHT + 60
    figure = make_subplots(
        rows, columns, shared_yaxes=True, subplot_titles=list(parameters),
        vertical_spacing=66 / height, horizontal_spacing=0.03,
    )  # fmt: skip
    marks = scatter(len(trials) * len(parameters.columns))
    look = dots(len(trials), 7) | {"color": trials["number"], "coloraxis": "coloraxis", "symbol": symbols(trials)}
    for place, name in enumerate(parameters):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        figure.add_trace(
            marks(
                x=words(parameters[name]) if kinds[name] == "words" else parameters[name], y=trials["value"],
                mode="markers", customdata=trials["number"], showlegend=False,
                marker=look,
                hovertemplate=f"trial %{{customdata}}<br>{name} %{{x}}<br>%{{y:.5f}}<extra></extra>",
            ),
            **cell,
        )  # fmt: skip
        figure.update_xaxes(**axis(parameters[name], kinds[name]), **cell)
    figure.update_yaxes(title=label if rows == 1 else None, col=1)
    figure.update_annotations(font_size=13)
    bar = {"title": {"text": "trial", "side": "right"}, "thickness": 12}
    figure.update_layout(coloraxis={"colorscale": list(SCALE), "colorbar": bar})
    return finish_once(figure, height)


def most_trials(parameters: int) -> int:
    """How many trials are shown in the panels of so many parameters, where not all are asked for."""
    return max(FEWEST_TRIALS, MAX_DOTS // parameters)


def symbols(trials: pd.DataFrame) -> list[str]:
    """A cross for a pruned trial, a disc for any other."""
    return ["x" if state == schema.PRUNED else "circle" for state in trials["state"]]


def axis(column: pd.Series, kind: Kind) -> dict:
    """An axis of a parameter, in Plotly's words."""
    if kind == "words":
        return {"type": "category", "categoryorder": "array", "categoryarray": order(column)}
    if kind == "log":
        ticks = log_ticks(column.min(), column.max())
        return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:.2g}" for tick in ticks]}
    return {"type": "linear"}


def log_ticks(low: float, high: float) -> list[float]:
    """Steps of a logarithmic axis: 1, 2 and 5 of each decade, the decades alone where it is long, else its ends.

    >>> log_ticks(0.5, 30)
    [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1,)):
        ticks = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 7:
            break
    return ticks if len(ticks) > 1 else [low, high]
