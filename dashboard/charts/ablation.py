"""What is lost without each part, and what each modality is worth."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.ablation import COSTS, EARNS, UNTOLD
from dashboard.charts.figure import finish, interval
from dashboard.labels import PALETTE

_COLOURS = {EARNS: PALETTE[0], COSTS: PALETTE[5], UNTOLD: PALETTE[7]}


def differences(parts: pd.DataFrame, label: str) -> go.Figure:
    """A dot a part with its 95 % interval, the one whose loss hurts most at the top; left of 0 the part helps.

    Args:
        parts: as `ablation.parts_table` gives them.
        label: the metric in words.
    """
    figure = go.Figure()
    for verdict, colour in _COLOURS.items():
        rows = parts[parts["verdict"] == verdict]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["difference"], y=rows["without"], name=verdict, mode="markers",
            marker={"color": colour, "size": 10, "symbol": "circle-open" if verdict == UNTOLD else "circle"},
            error_x=interval(rows["difference"], rows["low"], rows["high"], colour),
            customdata=rows[["low", "high", "mean"]],
            hovertemplate="without %{y}: %{customdata[2]:.4f}<br>%{x:+.4f} "
                          "(%{customdata[0]:+.4f} … %{customdata[1]:+.4f})<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": PALETTE[7], "width": 1})
    figure.update_xaxes(title=f"{label}, without the part less the whole", zeroline=False, automargin=True)
    figure.update_yaxes(categoryorder="array", categoryarray=parts["without"][::-1].tolist(), automargin=True)
    return finish(figure, 130 + 34 * len(parts))


def shares(frame: pd.DataFrame, label: str) -> go.Figure:
    """A bar a modality: its share of the metric, with a 95 % interval."""
    figure = go.Figure(
        go.Bar(
            x=frame["share"], y=frame["modality"], orientation="h", marker_color=PALETTE[0],
            error_x=interval(frame["share"], frame["low"], frame["high"], PALETTE[7]),
            customdata=frame[["low", "high", "percent"]],
            hovertemplate="%{y}: %{x:+.4f} (%{customdata[0]:+.4f} … %{customdata[1]:+.4f})<br>"
                          "%{customdata[2]:.0f} % of the gain<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(bargap=0.45)
    figure.update_xaxes(title=f"share of {label}", automargin=True)
    figure.update_yaxes(categoryorder="array", categoryarray=frame["modality"][::-1].tolist(), automargin=True)
    return finish(figure, 130 + 46 * len(frame))
