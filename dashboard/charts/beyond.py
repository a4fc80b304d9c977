"""Accuracy against a measure beyond it."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish


def against_accuracy(points: pd.DataFrame, measure: str, accuracy: str, colours: Mapping[int, str]) -> go.Figure:
    """A mark a trial with its number beside it.

    Args:
        points: columns trial, value (of the measure), accuracy.
        measure, accuracy: what the axes say.
        colours: by trial number.
    """
    figure = go.Figure()
    for row in points.itertuples():
        figure.add_scatter(
            x=[row.value], y=[row.accuracy], mode="markers+text", text=[str(row.trial)], textposition="middle right",
            name=f"trial {row.trial}", marker={"size": 12, "color": colours[row.trial]},
            hovertemplate=f"trial {row.trial}<br>%{{x:.4f}} {measure}<br>%{{y:.5f}} {accuracy}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title=measure)
    figure.update_yaxes(title=accuracy)
    return finish(figure, 380)
