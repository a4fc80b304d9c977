"""How well early epochs foretell the end."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish
from dashboard.labels import PALETTE


def rank_correlations(rungs: pd.DataFrame) -> go.Figure:
    """A bar a rung that has a rank correlation: how much its order of trials was the final one, from -1 to 1."""
    known = rungs.dropna(subset=["rank correlation"])
    figure = go.Figure(
        go.Bar(
            x=[f"epoch {epoch:.0f}" for epoch in known["epoch"]], y=known["rank correlation"],
            text=[f"{value:.2f}" for value in known["rank correlation"]], marker_color=PALETTE[0],
            customdata=known["trials"],
            hovertemplate="%{x}: %{y:.3f}<br>of %{customdata} trials<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(bargap=0.55)
    figure.update_xaxes(title="rung", type="category")
    low = -1.05 if (known["rank correlation"] < 0).any() else 0
    figure.update_yaxes(title="rank correlation with the end", range=[low, 1.08])
    return finish(figure, 300)
