"""The trials that no other is better than, where a study has several objectives."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.charts import objectives as charts
from dashboard.labels import objective_label, plain
from dashboard.pareto import front, points
from dashboard.selection import choose
from dashboard.widgets import chart, nothing, number_formats, table


def show(url: str, study: dict) -> None:
    """Two objectives as axes, a third as colour, and the front as a table."""
    directions = data.objectives(url, study["study_name"])
    found = points(data.values(url, study["study_name"]), directions)
    if found.empty:
        nothing(
            "No trial of this study is complete with a value of every objective yet.",
            "The front starts with the first.",
        )
        return
    labels = {name: objective_label(name, study["mask_seen"]) for name in directions}
    axes = _axes(list(directions), labels)
    best = front(found, directions)
    figure = charts.pareto(found, best, axes, labels, joined=len(directions) == 2)
    chart(figure, "pareto", f"{labels[axes[1]]} against {labels[axes[0]]}, the Pareto front marked")
    aims = ", ".join(f"{direction} {labels[name]}" for name, direction in directions.items())
    st.caption(
        f"{plain(aims)}. Of the {len(found)} complete trials, {len(best)} on the front: none is at least as good in "
        "every objective and better in one. Diamonds: the front. Pruned trials are left out: they have "
        "not cost what they would."
    )
    frame = front_table(found, best, labels, data.trials(url, study["study_name"]))
    formats = {name: st.column_config.NumberColumn(format=form) for name, form in number_formats(frame, 5).items()}
    table(frame, "pareto-front", height="content", column_config=formats)


def front_table(points: pd.DataFrame, front: list[int], labels: dict[str, str], trials: pd.DataFrame) -> pd.DataFrame:
    """The trials of the front, best in the first objective first: number, values, parameters."""
    values = points.loc[front, list(labels)].rename(columns=labels).rename_axis("trial").reset_index()
    rows = data.with_numbers(trials, front).reset_index(drop=True)
    return pd.concat([values, data.parameters(rows)], axis=1)


def _axes(names: list[str], labels: dict[str, str]) -> list[str]:
    """What the user has chosen for x and y, then what is left for colour."""
    left, right = st.columns(2)
    with left:
        x = choose(st.selectbox, "Across", "pareto_x", names, names[1], format_func=labels.__getitem__)
    others = [name for name in names if name != x]
    with right:
        y = choose(st.selectbox, "Upwards", "pareto_y", others, others[0], format_func=labels.__getitem__)
    return [x, y, *(name for name in others if name != y)][:3]
