"""One user: when things happened, categories, and how much the lists have in common."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish
from dashboard.labels import duration

MAX_SHOWN_CATEGORIES = 8
HISTORY, TARGET, BREAK = "#8A8A8A", "#009E73", "#E69F00"
OTHER = "other"
NAMED_GAP = 0.07
"""Share of the time axis that a gap takes where there is room for its length in words."""
PALE = ["#DCE6F2", "#F0A202"]
"""Dark text can be read on all of it, in light and dark."""


def time_axis(times: Sequence[int], titles: Sequence[str], target: int | None, long_gap_seconds: int) -> go.Figure:
    """A mark an interaction on a real time axis, the target behind them, and long gaps in another colour.

    Args:
        times: unix seconds, ascending.
        titles: of the items at these times, and of the target last.
        target: its time, None where that is not known.
        long_gap_seconds: from here on the time between two is drawn as a break.
    """
    moments = [*times, *([] if target is None else [target])]
    when = pd.to_datetime(moments, unit="s")
    figure = go.Figure()
    for start, end, seconds in long_gaps(moments, long_gap_seconds):
        figure.add_scatter(
            x=pd.to_datetime([start, end], unit="s"), y=[0, 0], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": BREAK, "width": 3, "dash": "dot"},
        )  # fmt: skip
        if seconds < NAMED_GAP * (moments[-1] - moments[0]):
            continue
        middle = pd.to_datetime((start + end) / 2, unit="s")
        figure.add_annotation(x=middle, y=0, text=duration(seconds), showarrow=False, yshift=14, font={"size": 11})
    names = [escape(title[:60]) for title in titles]
    figure.add_scatter(
        x=when[: len(times)], y=[0] * len(times), mode="markers", name="history", text=names[: len(times)],
        marker={"symbol": "line-ns", "size": 20, "line": {"width": 2, "color": "#0072B2"}},
        hovertemplate="%{x|%Y-%m-%d %H:%M}<br>%{text}<extra></extra>",
    )  # fmt: skip
    if target is not None:
        figure.add_scatter(
            x=when[-1:], y=[0], mode="markers", name="target", text=names[-1:],
            marker={"symbol": "diamond", "size": 12, "color": TARGET},
            hovertemplate="%{x|%Y-%m-%d %H:%M}<br>%{text}<extra>target</extra>",
        )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-1, 1], fixedrange=True)
    figure.update_xaxes(showgrid=True, zeroline=False)
    return finish(figure, 130, {"l": 10, "r": 10, "t": 34, "b": 10})


def long_gaps(moments: Sequence[int], least_seconds: int) -> list[tuple[int, int, int]]:
    """Start, end and length of each gap from `least_seconds` on, at most the 12 longest."""
    found = [(a, b, b - a) for a, b in pairwise(moments) if b - a >= least_seconds]
    return sorted(sorted(found, key=lambda gap: -gap[2])[:12])


def category_shares(mixtures: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """A row a category and a column a mixture; what is below the MAX_SHOWN_CATEGORIES largest is `other`."""
    frame = pd.DataFrame({name: pd.Series(mixture, dtype=float) for name, mixture in mixtures.items()}).fillna(0.0)
    order = frame.max(axis=1).sort_values(ascending=False, kind="stable").index
    shown, rest = frame.loc[order[:MAX_SHOWN_CATEGORIES]], frame.loc[order[MAX_SHOWN_CATEGORIES:]]
    if len(rest):
        shown = pd.concat([shown, rest.sum().to_frame(OTHER).T])
    return shown


def category_bars(shares: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """A group of bars a category, a bar a mixture: what share of its items has the category."""
    figure = go.Figure()
    for name in shares:
        figure.add_bar(
            y=[escape(category) for category in shares.index], x=100 * shares[name], name=name, orientation="h",
            marker=_fill(colours[name]), hovertemplate=f"%{{y}}: %{{x:.1f}} %<extra>{escape(name)}</extra>",
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    figure.update_xaxes(title="share of the items", ticksuffix=" %", rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.05)
    return finish(figure, 110 + len(shares) * (12 + 13 * len(shares.columns)))


def _fill(colour: str) -> dict:
    """A colour; the history is hatched, since a trial may be as grey."""
    if colour != HISTORY:
        return {"color": colour}
    return {
        "color": "rgba(0,0,0,0)",
        "line": {"color": colour, "width": 1},
        "pattern": {"shape": "/", "fgcolor": colour},
    }


def overlap_matrix(overlap: pd.DataFrame, common: pd.DataFrame) -> go.Figure:
    """Rank-biased overlap of each pair, and how many items they have in common."""
    text = [
        [f"{value:.2f}<br>{count} in common" for value, count in zip(*rows, strict=True)]
        for rows in zip(overlap.to_numpy(), common.to_numpy(), strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=np.array(overlap, dtype=float), x=list(overlap.columns), y=list(overlap.index), zmin=0, zmax=1, xgap=3,
            ygap=3, text=text, texttemplate="%{text}", showscale=False, colorscale=PALE,
            hovertemplate="%{x} and %{y}<br>%{text}<extra></extra>", textfont={"color": "#111111"},
        )
    )  # fmt: skip
    figure.update_xaxes(type="category", side="top")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    return finish(figure, 70 + 62 * max(2, len(overlap)), {"l": 10, "r": 10, "t": 40, "b": 10})
