"""Charts: pure functions from a frame to a figure. What a chart shows is decided here, what it is given elsewhere."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.labels import PALETTE, STATE_COLOURS, STATE_SYMBOLS, metric_label

SCALE = ("#2F6DB5", "#8FA9BF", "#F0A202")
"""From low to high: blue to amber, readable on white and on black and without telling red from green."""

_HEIGHT = 360
_PANEL_HEIGHT = 270


def optimisation_history(trials: pd.DataFrame, direction: str, label: str) -> go.Figure:
    """Value by trial number, one mark a state, and the best COMPLETE value so far as a step line.

    A trial without a value, such as a failed one, is marked on the lower edge.
    """
    figure = go.Figure()
    for state, rows in trials[trials["value"].notna()].groupby("state"):
        figure.add_scatter(
            x=rows["number"], y=rows["value"], name=state, mode="markers",
            marker={"color": STATE_COLOURS[state], "symbol": STATE_SYMBOLS[state], "size": 9},
            hovertemplate=f"trial %{{x}}<br>%{{y:.5f}}<extra>{state}</extra>",
        )  # fmt: skip
    best = best_so_far(trials, direction)
    figure.add_scatter(
        x=best["number"], y=best["value"], name="best so far", mode="lines", hoverinfo="skip",
        line={"color": STATE_COLOURS["COMPLETE"], "width": 1.5, "shape": "hv"},
    )  # fmt: skip
    failed = trials[trials["value"].isna() & (trials["state"] == "FAIL")]
    if len(failed):
        figure.add_scatter(
            x=failed["number"], y=[0.02] * len(failed), yaxis="y2", name="FAIL, no value", mode="markers",
            marker={"color": STATE_COLOURS["FAIL"], "symbol": STATE_SYMBOLS["FAIL"], "size": 9},
            text=failed["reason"], hovertemplate="trial %{x}<br>%{text}<extra>FAIL</extra>",
        )  # fmt: skip
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    figure.update_xaxes(title="trial")
    figure.update_yaxes(title=label, selector={"overlaying": None})
    return _finish(figure)


def best_so_far(trials: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Number and best value up to it, over COMPLETE trials, carried on to the last trial."""
    complete = trials["value"].where(trials["state"] == "COMPLETE")
    best = complete.cummin() if direction == "minimize" else complete.cummax()
    return pd.DataFrame({"number": trials["number"], "value": best.ffill()}).dropna()


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
    figure = _finish(figure, height, margin={"l": 10, "r": 10, "t": 90, "b": 10})
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


def parallel_coordinates(parameters: pd.DataFrame, values: pd.Series, label: str, direction: str) -> go.Figure:
    """One axis a parameter and one for the value, one line a trial with a value, coloured by it.

    Parameters that never vary say nothing and are left out; words become evenly spaced ticks; a wide range of
    positive numbers becomes a logarithmic axis.
    """
    known = values.notna()
    parameters, values = parameters[known], values[known]
    axes = [axis(name, parameters[name]) for name in parameters if parameters[name].nunique(dropna=True) > 1]
    scale = SCALE if direction == "maximize" else SCALE[::-1]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[*axes, {"label": "value", "values": values}], labelangle=-18, labelside="top",
            labelfont={"size": 12}, tickfont={"size": 11},
            line={"color": values, "colorscale": list(scale), "showscale": True, "colorbar": {"title": label}},
        )
    )  # fmt: skip
    figure.update_traces(line_colorbar={"title": {"side": "right"}, "thickness": 12})
    return _finish(figure, 440, margin={"l": 90, "r": 70, "t": 100, "b": 30})


def axis(name: str, column: pd.Series) -> dict:
    """A parallel coordinates axis: its label, its values as numbers, and ticks where they are not plain numbers."""
    if not pd.api.types.is_numeric_dtype(column):
        words = sorted(column.dropna().unique())
        places = column.map({word: place for place, word in enumerate(words)}).astype(float)
        return {"label": name, "values": places, "tickvals": list(range(len(words))), "ticktext": words}
    column = column.astype(float)
    present = column.dropna()
    if present.min() > 0 and present.max() / present.min() >= 20:
        ticks = np.linspace(np.log10(present.min()), np.log10(present.max()), 5)
        return {
            "label": f"{name} (log)", "values": np.log10(column),
            "tickvals": ticks, "ticktext": [f"{10**tick:.2g}" for tick in ticks],
        }  # fmt: skip
    if present.nunique() <= 8 and (present % 1 == 0).all():
        ticks = sorted(present.unique())
        return {"label": name, "values": column, "tickvals": ticks, "ticktext": [f"{tick:.0f}" for tick in ticks]}
    return {"label": name, "values": column}


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
    return _finish(figure, max(_HEIGHT, 110 + 26 * len(order)))


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
    return _finish(figure, 300)


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
    return _finish(figure, 130 + 28 * max(4, len(experts)))


def _finish(figure: go.Figure, height: int = _HEIGHT, margin: dict | None = None) -> go.Figure:
    figure.update_layout(
        height=height,
        margin=margin or {"l": 10, "r": 10, "t": 50, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        uirevision="keep",  # zoom and hidden lines outlive a refresh
    )
    return figure
