"""What the chosen trials' lists are like, right or wrong, and what accuracy goes with it."""

import pandas as pd
import streamlit as st

from dashboard import results, sources
from dashboard.beyond import MEASURES, measures_table, points
from dashboard.charts.beyond import against_accuracy
from dashboard.labels import objective_label, plain, seen_mode, trial_colours
from dashboard.selection import choose
from dashboard.widgets import chart, nothing, table


def show(url: str, study: dict, trials: pd.DataFrame) -> None:
    """The section of the page; `trials` are the chosen ones."""
    st.subheader("Beyond accuracy", anchor=False)
    written = sources.of_trials(study, trials)
    read = {number: results.list_measures(source.path) for number, source in written.items()}
    found = {number: one for number, one in read.items() if one}
    if not found:
        nothing("These trials have no measures beyond accuracy.", "A search of this version writes them as it goes.")
        return
    values = points(found)
    cutoff = next(iter(found.values()))["cutoff"]
    frame = measures_table(values, cutoff)
    columns = {name: st.column_config.NumberColumn(format="%.4f") for name in frame if name.startswith("trial ")}
    table(frame, "beyond", column_config=columns, height="content")
    words = f"The first {cutoff} of every user's list, validation split, {seen_mode(study['mask_seen'])}, best epochs."
    if missing := [str(number) for number in trials["number"] if number not in found]:
        words += f" Written by an older version, or not at all: trial {', '.join(missing)}."
    st.caption(plain(words))
    differ = values.groupby("measure")["value"].nunique()
    names = [name for name in MEASURES if name in differ]
    first = next((name for name in names if differ[name] > 1), names[0])  # a chart of one that does not says little
    name = choose(st.selectbox, "Against accuracy", "beyond", names, first, format_func=lambda one: MEASURES[one].title)
    accuracy = trials[["number", "value"]].rename(columns={"number": "trial", "value": "accuracy"})
    rows = values[values["measure"] == name].merge(accuracy, on="trial").dropna()
    label = objective_label(study["objective"], study["mask_seen"])
    title = f"{MEASURES[name].title} @{cutoff} · valid · {seen_mode(study['mask_seen'])}"
    figure = against_accuracy(rows, title, label, trial_colours(trials["number"]))
    chart(figure, "beyond", f"{label} against {title} of the chosen trials")
