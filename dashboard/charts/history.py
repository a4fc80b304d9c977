"""The value of each trial in the order of the search."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import dots, finish_once, scatter
from dashboard.labels import STATE_COLOURS, STATE_SYMBOLS
from dashboard.sampling import best_and_spread, evenly
from tuning import schema

MAX_MARKS, MAX_FAILED = 400, 60
"""Marks of trials with a value and of those without, where not all are asked for."""

AUDITED, RETRIED, NO_VALUE = "COMPLETE, audited", "retried", "FAIL, no value"
_COLOURS = STATE_COLOURS | {
    AUDITED: STATE_COLOURS["COMPLETE"], RETRIED: STATE_COLOURS["WAITING"], NO_VALUE: STATE_COLOURS["FAIL"],
}  # fmt: skip
_SYMBOLS = STATE_SYMBOLS | {AUDITED: "diamond-open", RETRIED: "square-open", NO_VALUE: STATE_SYMBOLS["FAIL"]}
_LAID_ON_TOP = (schema.PRUNED, schema.FAIL, RETRIED, schema.WAITING, schema.RUNNING, schema.COMPLETE, AUDITED, NO_VALUE)
"""The order of drawing: what the search is after covers the rest."""


def marked(trials: pd.DataFrame, direction: str) -> pd.Index:
    """The trials that have a mark where all would be too many: the best, and samples of the rest and of the failed."""
    unknown = trials.index[trials["value"].isna()]
    return best_and_spread(trials["value"], MAX_MARKS, direction).append(unknown[evenly(len(unknown), MAX_FAILED)])


def optimisation_history(trials: pd.DataFrame, direction: str, label: str, marked: pd.Index | None = None) -> go.Figure:
    """Value by trial number, one mark a kind of ending, and the best COMPLETE value so far as a step line.

    A trial that ended without a value is marked on the lower edge.

    Args:
        marked: which trials have a mark, all by default. The line is that of all.
    """
    figure = go.Figure()
    kinds, words = endings(trials), _words(trials)
    everything, trials = trials, trials if marked is None else trials.loc[marked.sort_values()]
    kinds = kinds[trials.index]
    for kind in _LAID_ON_TOP:
        rows = trials[kinds == kind]
        with_value = rows["value"].notna()
        on_edge = rows[~with_value] if kind in (NO_VALUE, RETRIED) else rows.head(0)
        for part, edge in ((rows[with_value], {}), (on_edge, {"y": [0.02] * len(on_edge), "yaxis": "y2"})):
            if len(part):
                marks = _marks(part, kind, words[part.index], len(trials), edge)
                marks.showlegend = marks.name not in {trace.name for trace in figure.data}
                figure.add_trace(marks)
    best = corners(best_so_far(everything, direction))
    figure.add_scatter(
        x=best["number"], y=best["value"], name="best so far", mode="lines", hoverinfo="skip",
        line={"color": STATE_COLOURS["COMPLETE"], "width": 1.5, "shape": "hv"},
    )  # fmt: skip
    if any(trace.yaxis == "y2" for trace in figure.data):
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    figure.update_xaxes(title="trial")
    figure.update_yaxes(title=label, selector={"overlaying": None})
    return finish_once(figure)


def corners(best: pd.DataFrame) -> pd.DataFrame:
    """What a step line needs: where it starts, rises and ends."""
    ends = best.index == best.index.max()
    return best[best["value"].ne(best["value"].shift()) | ends]


def _marks(rows: pd.DataFrame, kind: str, words: pd.Series, trials: int, edge: dict) -> go.Scatter | go.Scattergl:
    value = "" if edge else "<br>%{y:.5f}"
    return scatter(trials)(
        **{"x": rows["number"], "y": rows["value"]} | edge, name=kind, mode="markers", legendgroup=kind, text=words,
        marker=dots(trials, 9) | {"color": _COLOURS[kind], "symbol": _SYMBOLS[kind]},
        hovertemplate=f"trial %{{x}}{value}<br>%{{text}}<extra></extra>",
    )  # fmt: skip


def endings(trials: pd.DataFrame) -> pd.Series:
    """The mark of each trial: its state, but `retried` where another goes on with it, and audits told apart."""
    kinds = trials["state"].astype(object)
    kinds = kinds.mask((kinds == schema.COMPLETE) & trials["pruned_epoch"].notna(), AUDITED)
    kinds = kinds.mask((kinds == schema.FAIL) & trials["value"].isna(), NO_VALUE)
    return kinds.mask(trials["number"].isin(continued_by(trials)), RETRIED)


def continued_by(trials: pd.DataFrame) -> dict[int, int]:
    """By a trial's number that of the one which goes on with it."""
    later = trials[trials["retry_of"].notna() & (trials["reason"] != schema.INVALID)]
    return dict(zip(later["retry_of"].astype(int), later["number"].astype(int), strict=True))


def best_so_far(trials: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Number and best value up to it, over COMPLETE trials, carried on to the last trial."""
    complete = trials["value"].where(trials["state"] == schema.COMPLETE)
    best = complete.cummin() if direction == "minimize" else complete.cummax()
    return pd.DataFrame({"number": trials["number"], "value": best.ffill()}).dropna()


def _words(trials: pd.DataFrame) -> pd.Series:
    words = trials["state"].str.lower() + trials["reason"].map(lambda reason: f": {reason}", na_action="ignore").fillna(
        ""
    )
    verdicts = trials["pruned_epoch"].map(lambda epoch: f", given up at epoch {epoch:.0f}", na_action="ignore")
    later = continued_by(trials)
    goes_on = trials["number"].map(lambda number: f", trial {later[number]} goes on" if number in later else "")
    return words + verdicts.fillna("") + goes_on
