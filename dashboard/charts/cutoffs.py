"""Metrics by cutoff."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import finish


def relative_to(values: pd.DataFrame, reference: int) -> pd.DataFrame:
    """The values with `percent`, how far each is above the reference trial's; NaN where that one is zero or missing.

    Args:
        values: columns trial, key, name, cutoff, value.
        reference: number of the trial that all are measured against.
    """
    theirs = values[values["trial"] == reference].set_index("key")["value"]
    base = values["key"].map(theirs)
    return values.assign(percent=100 * (values["value"] / base.where(base != 0) - 1))


def by_cutoff(relative: pd.DataFrame, name: str, label: str, colours: Mapping[int, str]) -> go.Figure:
    """One line a trial over the cutoffs of one metric: how far above or below the reference trial it is.

    The values themselves differ little and stand in the table; their differences would not be seen in a chart of them.

    Args:
        relative: from `relative_to`.
        name: the metric, without its cutoff.
        label: the chart's title.
        colours: by trial number.
    """
    figure = go.Figure()
    mine = relative[relative["name"] == name].sort_values("cutoff", kind="stable")
    for number, rows in mine.groupby("trial", sort=False):
        figure.add_scatter(
            x=rows["cutoff"].astype(str), y=rows["percent"], name=f"trial {number}", mode="lines+markers",
            line={"color": colours[number], "width": 2}, marker={"size": 8}, customdata=rows["value"],
            hovertemplate=f"trial {number}, first %{{x}}<br>%{{customdata:.5f}}, %{{y:+.1f}} %<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="cutoff k", type="category")
    figure.update_yaxes(ticksuffix=" %", tickformat="+.1f", zeroline=True)
    what, _, mode = label.partition(" · ")  # two lines, as the chart is narrow and its buttons stand to the right
    figure.update_layout(title={"text": what, "subtitle": {"text": mode, "font": {"size": 12}}, "font": {"size": 13}})
    finish(figure, 340, {"l": 10, "r": 10, "t": 64, "b": 10})
    return figure.update_layout(legend={"yanchor": "top", "y": -0.28})
