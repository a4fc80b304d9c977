"""Metrics by cutoff."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish


def by_cutoff(values: pd.DataFrame, name: str, label: str, colours: Mapping[int, str]) -> go.Figure:
    """One line a trial over the cutoffs of one metric.

    Args:
        values: columns trial, name, cutoff, value.
        name: the metric, without its cutoff.
        label: what the axis says.
        colours: by trial number.
    """
    figure = go.Figure()
    mine = values[values["name"] == name].sort_values("cutoff")
    for number, rows in mine.groupby("trial", sort=False):
        figure.add_scatter(
            x=rows["cutoff"], y=rows["value"], name=f"trial {number}", mode="lines+markers",
            line={"color": colours[number], "width": 2}, marker={"size": 8},
            hovertemplate=f"trial {number}, first %{{x}}<br>%{{y:.5f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="cutoff k", tickvals=sorted(mine["cutoff"].unique()))
    figure.update_yaxes(title=label, rangemode="tozero")
    return finish(figure, 320)
