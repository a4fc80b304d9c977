"""What a model learnt."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.figure import finish
from dashboard.labels import PALETTE


def bars(values: Mapping[str, float], title: str, unit: str) -> go.Figure:
    """One bar a name, such as the weight of each modality, with its value written on it."""
    figure = go.Figure(
        go.Bar(
            x=list(values), y=list(values.values()), text=[f"{value:.3f}" for value in values.values()],
            marker_color=PALETTE[0], hovertemplate="%{x}: %{y:.4f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(title=title, bargap=0.45)
    figure.update_xaxes(type="category")
    figure.update_yaxes(title=unit, rangemode="tozero")
    return finish(figure, 300)


def expert_use(use: Mapping[str, Sequence[float]]) -> go.Figure:
    """Heat map of how much each routed expert is used, by time gap."""
    grid = np.array([list(row) for row in use.values()], dtype=float).T
    experts = [f"expert {number}" for number in range(1, len(grid) + 1)]
    figure = go.Figure(
        go.Heatmap(
            z=grid, x=list(use), y=experts, colorscale="Cividis", xgap=2, ygap=2,
            colorbar={"title": {"text": "use", "side": "right"}, "thickness": 12},
            hovertemplate="gap %{x}<br>%{y}: %{z:.3f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(title="Use of the routed experts by time gap")
    figure.update_xaxes(title="time since the item before", type="category")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    return finish(figure, 130 + 28 * max(4, len(experts)))
