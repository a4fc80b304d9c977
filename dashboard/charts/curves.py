"""Metrics and loss parts by epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import FIXED_MARGIN, finish_once
from dashboard.labels import STATE_SYMBOLS, metric_label

_PANEL_HEIGHT, _LEGEND_HEIGHT = 270, 34


def learning_curves(
    metrics: pd.DataFrame, trials: pd.DataFrame, keys: Sequence[str], colours: Mapping[int, str], mask_seen: bool
) -> go.Figure:
    """One panel a metric, one line a trial in its colour; a star at the best epoch, a cross where one was pruned."""
    columns = min(2, len(keys))
    rows = -(-len(keys) // columns)
    top = FIXED_MARGIN["t"] + _LEGEND_HEIGHT * (len(trials) > 1)
    height = rows * _PANEL_HEIGHT + top
    figure = make_subplots(
        rows, columns, subplot_titles=[metric_label(key, mask_seen) for key in keys],
        vertical_spacing=70 / height, horizontal_spacing=0.09,
    )  # fmt: skip
    asked = metrics[metrics["key"].isin(keys)].sort_values("epoch", kind="stable")
    by_curve = dict(tuple(asked.groupby(["trial_id", "key"])))
    traces, places = [], []
    for place, key in enumerate(keys):
        for trial in trials.to_dict("records"):
            if (trial["trial_id"], key) in by_curve:
                curve = by_curve[trial["trial_id"], key]
                epochs, values = curve["epoch"].to_numpy(), curve["value"].to_numpy()
                traces.append(_curve(epochs, values, trial, colours[trial["number"]], legend=place == 0))
                traces.append(_marks(epochs, values, trial, colours[trial["number"]]))
                places += [place, place]
    rows_of, columns_of = ([1 + place // columns for place in places], [1 + place % columns for place in places])
    figure.add_traces(traces, rows=rows_of, cols=columns_of)
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
    above_titles = 28 / (height - top - FIXED_MARGIN["b"])
    return finish_once(figure, height, top).update_layout(legend_y=1 + above_titles)


def _curve(epochs: np.ndarray, values: np.ndarray, trial: dict, colour: str, legend: bool) -> go.Scatter:
    name = f"trial {trial['number']}"
    return go.Scatter(
        x=epochs, y=values, name=name, legendgroup=name, showlegend=legend,
        mode="lines+markers" if len(epochs) < 3 else "lines", line={"color": colour, "width": 2},
        hovertemplate=f"{name}, epoch %{{x}}<br>%{{y:.5f}}<extra></extra>",
    )  # fmt: skip


def _marks(epochs: np.ndarray, values: np.ndarray, trial: dict, colour: str) -> go.Scatter:
    places, symbols, words = [], [], []
    if not pd.isna(trial["best_epoch"]):
        places += np.flatnonzero(epochs == trial["best_epoch"]).tolist()
        symbols, words = ["star"] * len(places), ["best epoch"] * len(places)
    if trial["state"] in ("PRUNED", "FAIL"):
        places.append(len(epochs) - 1)
        symbols.append(STATE_SYMBOLS[trial["state"]])
        words.append(trial["state"].lower())
    return go.Scatter(
        x=epochs[places], y=values[places], mode="markers", showlegend=False, text=words,
        legendgroup=f"trial {trial['number']}", hovertemplate="%{text}<br>%{y:.5f}<extra></extra>",
        marker={"color": colour, "size": 10, "symbol": symbols},
    )  # fmt: skip
