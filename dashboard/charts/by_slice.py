"""A measure by slice of users."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish
from dashboard.labels import PALETTE


def by_slice(means: pd.DataFrame, label: str, names: Mapping[int, str], colours: Mapping[int, str]) -> go.Figure:
    """Bars of every trial's mean in each slice, with 95 % intervals over its users; slices say how many those are.

    A mark stands in the worst one of each trial.

    Args:
        means: columns slice, users, trial, mean, margin, worst; the slices in their order.
        label: what the axis says.
        names, colours: by trial number.
    """
    figure = go.Figure()
    for number, rows in means.groupby("trial", sort=False):
        figure.add_bar(
            x=[f"{row.slice}<br>{row.users:,} users" for row in rows.itertuples()],
            y=rows["mean"], text=["▼" if worst else "" for worst in rows["worst"]],
            textposition="inside", insidetextanchor="start", textangle=0,
            name=names[number], marker_color=colours[number],
            error_y={"type": "data", "array": rows["margin"], "thickness": 1.5, "width": 3,
                     "color": PALETTE[7]},
            hovertemplate=f"{names[number]}, %{{x}}<br>%{{y:.4f}} ± %{{error_y.array:.4f}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.3)
    figure.update_xaxes(type="category", tickangle=0)
    figure.update_yaxes(title=label, rangemode="tozero")
    return finish(figure, 380)
