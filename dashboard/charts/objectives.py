"""Several objectives against each other."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import SCALE, finish, scatter
from dashboard.labels import PALETTE

MAX_NAMED = 12
"""Trials of the front whose numbers stand beside their marks."""


def pareto(
    points: pd.DataFrame, front: Sequence[int], axes: Sequence[str], labels: Mapping[str, str], joined: bool
) -> go.Figure:
    """Two objectives as axes, a third, if there is one, as colour; the front as diamonds.

    Args:
        points: one row a complete trial by number, one column an objective.
        front: numbers of the trials on it.
        axes: names of the objectives for x, y and, if there is a third, colour.
        labels: their words.
        joined: whether a line joins the front, as it may where the two axes are all there is.
    """
    x, y, *more = axes
    on_front = points.index.isin(list(front))
    figure = go.Figure()
    for name, rows, symbol, size, colour in (
        ("other complete trials", points[~on_front], "circle", 7, PALETTE[0]),
        ("Pareto front", points[on_front], "diamond", 12, PALETTE[5]),
    ):
        shade = {"color": rows[more[0]], "coloraxis": "coloraxis"} if more else {"color": colour}
        named = name == "Pareto front" and len(rows) <= MAX_NAMED
        marks = scatter(len(points)) if not named else go.Scatter
        figure.add_trace(
            marks(
                x=rows[x], y=rows[y], name=name, showlegend=not more, text=rows.index,
                mode="markers+text" if named else "markers", textposition="top center",
                marker=shade | {"symbol": symbol, "size": size, "opacity": 0.9 if size > 7 else 0.6,
                                "line": {"width": 1.5 if size > 7 else 0, "color": PALETTE[5]}},
                hovertemplate=f"trial %{{text}}<br>%{{x:.6~g}} {labels[x]}<br>%{{y:.6~g}} {labels[y]}<extra></extra>",
            )
        )  # fmt: skip
    if joined and len(front) > 1:
        figure.add_trace(_line(points.loc[list(front)].sort_values(x), x, y))
    figure.update_xaxes(title=labels[x])
    figure.update_yaxes(title=labels[y])
    if more:
        bar = {"title": {"text": labels[more[0]], "side": "right"}, "thickness": 12}
        figure.update_layout(coloraxis={"colorscale": list(SCALE), "colorbar": bar})
    return finish(figure, 460)


def _line(front: pd.DataFrame, x: str, y: str) -> go.Scatter:
    return go.Scatter(
        x=front[x], y=front[y], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": PALETTE[5], "width": 1.5, "dash": "dot"},
    )  # fmt: skip
