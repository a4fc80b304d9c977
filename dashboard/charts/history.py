"""The value of each trial in the order of the search."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish
from dashboard.labels import STATE_COLOURS, STATE_SYMBOLS


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
    return finish(figure)


def best_so_far(trials: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Number and best value up to it, over COMPLETE trials, carried on to the last trial."""
    complete = trials["value"].where(trials["state"] == "COMPLETE")
    best = complete.cummin() if direction == "minimize" else complete.cummax()
    return pd.DataFrame({"number": trials["number"], "value": best.ffill()}).dropna()
