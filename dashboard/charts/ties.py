"""How far each trial is from the best one, and which of them cannot be told from it."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish, interval
from dashboard.labels import PALETTE

BEST, TIED, APART = "the best", "tied with the best", "worse"
_COLOURS = {BEST: PALETTE[2], TIED: PALETTE[0], APART: PALETTE[7]}
_SYMBOLS = {BEST: "star", TIED: "circle", APART: "circle-open"}


def differences(frame: pd.DataFrame, label: str, confidence: float) -> go.Figure:
    """A dot a trial with its interval, the best one at the top.

    Args:
        frame: as `ties.ties_table` gives them.
        label: the metric in words.
        confidence: of the intervals.
    """
    figure = go.Figure()
    which = [BEST, *(TIED if tied else APART for tied in frame["tied"].iloc[1:])]
    for name, colour in _COLOURS.items():
        rows = frame[[each == name for each in which]]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["difference"], y=_names(rows), name=name, mode="markers",
            marker={"color": colour, "size": 12 if name == BEST else 9, "symbol": _SYMBOLS[name]},
            error_x=interval(rows["difference"], rows["low"], rows["high"], colour),
            customdata=rows[["low", "high", "mean", "p_adjusted"]],
            hovertemplate="%{y}: %{customdata[2]:.4f}<br>%{x:+.4f} (%{customdata[0]:+.4f} … %{customdata[1]:+.4f})"
                          "<br>adjusted p %{customdata[3]:.4f}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": PALETTE[7], "width": 1})
    title = f"{label}, difference to the best with its {100 * confidence:g} % interval"
    figure.update_xaxes(title=title, zeroline=False, automargin=True)
    figure.update_yaxes(
        categoryorder="array", categoryarray=_names(frame)[::-1], range=[-0.7, len(frame) - 0.3], dtick=1,
        automargin=True,
    )  # fmt: skip
    return finish(figure, 130 + 22 * len(frame))


def _names(frame: pd.DataFrame) -> list[str]:
    return [f"trial {number}" for number in frame["trial"]]
