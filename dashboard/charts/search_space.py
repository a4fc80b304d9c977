"""What parameters have to do with the value."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import HEIGHT, finish
from dashboard.labels import PALETTE


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
