"""Metrics and loss parts by epoch."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import finish
from dashboard.labels import STATE_SYMBOLS, metric_label

_PANEL_HEIGHT = 270


def learning_curves(
    metrics: pd.DataFrame, trials: pd.DataFrame, keys: Sequence[str], colours: Mapping[int, str], mask_seen: bool
) -> go.Figure:
    """One panel a metric, one line a trial in its colour; a star at the best epoch, a cross where one was pruned."""
    columns = min(2, len(keys))
    rows = -(-len(keys) // columns)
    height = rows * _PANEL_HEIGHT + 90
    figure = make_subplots(
        rows, columns, subplot_titles=[metric_label(key, mask_seen) for key in keys],
        vertical_spacing=70 / height, horizontal_spacing=0.09,
    )  # fmt: skip
    by_trial = dict(tuple(metrics.groupby("trial_id")))
    for place, key in enumerate(keys):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        for trial in trials.to_dict("records"):
            curve = by_trial.get(trial["trial_id"], metrics.head(0))
            curve = curve[curve["key"] == key].sort_values("epoch")
            if len(curve):
                figure.add_trace(_curve(curve, trial, colours[trial["number"]], legend=place == 0), **cell)
                figure.add_trace(_marks(curve, trial, colours[trial["number"]]), **cell)
    shown = {trace.legendgroup for trace in figure.data if trace.showlegend}
    for trace in figure.data:  # a trial whose first panel is empty needs its legend entry from another
        if trace.legendgroup not in shown and trace.mode != "markers":
            trace.showlegend = True
            shown.add(trace.legendgroup)
    figure.update_annotations(font_size=13)  # the panels' titles
    figure.update_xaxes(title="epoch", row=rows)
    if metrics["epoch"].max() <= 12:
        figure.update_xaxes(dtick=1)  # no half epochs
    figure.update_layout(showlegend=len(trials) > 1)
    figure = finish(figure, height, margin={"l": 10, "r": 10, "t": 90, "b": 10})
    return figure.update_layout(legend_y=1 + 28 / (height - 100))  # above the titles, whatever the height


def _curve(curve: pd.DataFrame, trial: dict, colour: str, legend: bool) -> go.Scatter:
    name = f"trial {trial['number']}"
    return go.Scatter(
        x=curve["epoch"], y=curve["value"], name=name, legendgroup=name, showlegend=legend,
        mode="lines+markers" if len(curve) < 3 else "lines", line={"color": colour, "width": 2},
        hovertemplate=f"{name}, epoch %{{x}}<br>%{{y:.5f}}<extra></extra>",
    )  # fmt: skip


def _marks(curve: pd.DataFrame, trial: dict, colour: str) -> go.Scatter:
    best = curve[curve["epoch"] == trial["best_epoch"]] if not pd.isna(trial["best_epoch"]) else curve.head(0)
    last = curve.tail(1) if trial["state"] in ("PRUNED", "FAIL") else curve.head(0)
    marked = pd.concat([best.assign(symbol="star"), last.assign(symbol=STATE_SYMBOLS.get(trial["state"]))])
    words = ["best epoch"] * len(best) + [str(trial["state"]).lower()] * len(last)
    return go.Scatter(
        x=marked["epoch"], y=marked["value"], mode="markers", showlegend=False, text=words,
        legendgroup=f"trial {trial['number']}", hovertemplate="%{text}<br>%{y:.5f}<extra></extra>",
        marker={"color": colour, "size": 10, "symbol": marked["symbol"]},
    )  # fmt: skip
