"""Value against one parameter at a time."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import SCALE, finish, scatter
from dashboard.space import Kind, order, words
from tuning import schema

_PANEL_HEIGHT = 250
_COLUMNS = 3


def slices(parameters: pd.DataFrame, trials: pd.DataFrame, kinds: Mapping[str, Kind], label: str) -> go.Figure:
    """One panel a parameter, one dot a trial with a value, later ones in amber; pruned ones are crosses.

    `parameters` and `trials` have the same rows.
    """
    known = trials["value"].notna()
    parameters, trials = parameters[known], trials[known]
    columns = min(_COLUMNS, len(parameters.columns))
    rows = -(-len(parameters.columns) // columns)
    height = rows * _PANEL_HEIGHT + 90
    figure = make_subplots(
        rows, columns, shared_yaxes=True, subplot_titles=list(parameters),
        vertical_spacing=66 / height, horizontal_spacing=0.03,
    )  # fmt: skip
    pruned = trials["state"] == schema.PRUNED
    dots = scatter(len(trials) * len(parameters.columns))
    for place, name in enumerate(parameters):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        column = words(parameters[name]) if kinds[name] == "words" else parameters[name]
        for kind, symbol, mine in (("finished or running", "circle", ~pruned), ("pruned", "x", pruned)):
            if mine.any():
                figure.add_trace(
                    dots(
                        x=column[mine], y=trials["value"][mine], name=kind, legendgroup=kind, mode="markers",
                        showlegend=place == 0, customdata=trials["number"][mine],
                        marker={"color": trials["number"][mine], "coloraxis": "coloraxis", "symbol": symbol, "size": 7},
                        hovertemplate=f"trial %{{customdata}}<br>{name} %{{x}}<br>%{{y:.5f}}<extra></extra>",
                    ),
                    **cell,
                )  # fmt: skip
        figure.update_xaxes(**axis(parameters[name], kinds[name]), **cell)
    figure.update_yaxes(title=label if rows == 1 else None, col=1)
    figure.update_annotations(font_size=13)
    bar = {"title": {"text": "trial", "side": "right"}, "thickness": 12}
    figure.update_layout(coloraxis={"colorscale": list(SCALE), "colorbar": bar}, showlegend=bool(pruned.any()))
    figure = finish(figure, height, margin={"l": 10, "r": 10, "t": 90, "b": 10})
    return figure.update_layout(legend_y=1 + 28 / (height - 100))


def axis(column: pd.Series, kind: Kind) -> dict:
    """An axis of a parameter, in Plotly's words."""
    if kind == "words":
        return {"type": "category", "categoryorder": "array", "categoryarray": order(column)}
    if kind == "log":  # only the decades and their halves: every digit would be a wall of text
        return {"type": "log", "dtick": "D2" if column.max() < 100 * column.min() else 1}
    return {"type": "linear"}
