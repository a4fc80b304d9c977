"""The trials of a study beside each other."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.charts import curves, history, search_space
from dashboard.labels import MAX_CHOSEN, metric_label, plain, trial_colours
from dashboard.selection import choose_several
from dashboard.widgets import chart, nothing, table
from tuning import schema

MAX_PANELS = 8
MAX_AXES = 14
DEFAULT_AXES = 9


def show(url: str, study_name: str) -> None:
    """The whole view, drawn again by itself while the search runs."""
    every = data.refresh_seconds(data.study(url, study_name), len(data.trials(url, study_name)))
    st.fragment(run_every=every)(_view)(url, study_name, every)


def _view(url: str, study_name: str, every: float | None) -> None:
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    if data.refresh_seconds(study, len(trials)) != every:  # it grew, or ended: set the clock anew
        st.rerun(scope="app")
    if trials.empty:
        nothing("This study has no trials yet.", "They appear here as the search starts them.")
        return
    label = metric_label(study["objective"], study["mask_seen"])
    states = [state for state in schema.STATES if state in set(trials["state"])]
    wanted = choose_several("States", "states", states, states, len(schema.STATES))
    shown = trials[trials["state"].isin(wanted)].reset_index(drop=True)
    _trials_table(shown, label)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Optimisation history", anchor=False)
        if len(shown):
            figure = history.optimisation_history(shown, study["direction"], label)
            chart(figure, "optimisation-history", f"{label} of each trial, pruned ones as crosses")
        else:
            nothing("No trial is in these states.", "Choose others above.")
    with right:
        st.subheader("Importance of parameters", anchor=False)
        _importance(url, study_name, label)
    st.subheader("Learning curves", anchor=False)
    _curves(url, study, trials)
    st.subheader("Parallel coordinates", anchor=False)
    _parallel(url, study, shown, label)


def trials_table(trials: pd.DataFrame, label: str) -> pd.DataFrame:
    """What the table of trials shows: state, outcome, time, then one column a parameter."""
    frame = trials[["number", "state", "reason", "value", "best_epoch", "seconds"]]
    frame = frame.rename(columns={"number": "trial", "value": label, "best_epoch": "best epoch"})
    errors = trials["error"].map(lambda error: str(error).strip().splitlines()[-1], na_action="ignore")
    return pd.concat([frame, data.parameters(trials), errors.rename("error")], axis=1)


def _trials_table(trials: pd.DataFrame, label: str) -> None:
    frame = trials_table(trials, label)
    columns = {
        "reason": st.column_config.TextColumn(width=110),
        "trial": st.column_config.NumberColumn(pinned=True, width="small"),
        label: st.column_config.NumberColumn(format="%.5f", help="At the trial's best epoch"),
        "seconds": st.column_config.NumberColumn(format="%.0f", help="From start to end, or until now"),
        "error": st.column_config.TextColumn(help="The last line; the trial's page has all of it"),
    }
    columns |= {name: st.column_config.NumberColumn(format="%.4g") for name in frame.select_dtypes("float").columns[2:]}
    table(frame.dropna(axis=1, how="all"), "trials", column_config=columns)


def _importance(url: str, study_name: str, label: str) -> None:
    found = data.importances(url, study_name)
    if found.empty:
        nothing("No importance of parameters yet.", "A search computes it once enough of its trials are complete.")
        return
    chart(search_space.importance(found, label), "importance", "Importance of each parameter by each evaluator")
    names = " and ".join(plain(name) for name in sorted(found["evaluator"].unique()))
    st.caption(f"Evaluated by {names}. Evaluators can disagree, above all on few trials.")


def _curves(url: str, study: dict, trials: pd.DataFrame) -> None:
    options = trials["number"].tolist()
    best = data.best_trials(trials, study["direction"], 4)
    chosen = choose_several("Trials", "trials", options, best, MAX_CHOSEN, format_func=lambda n: f"trial {n}")
    if not chosen:
        nothing("No trial is chosen.", "Choose some to see their curves.")
        return
    rows = data.with_numbers(trials, chosen)
    metrics = data.metrics(url, tuple(rows["trial_id"]))
    if metrics.empty:
        nothing("These trials have not finished an epoch yet.", "Their curves start with the first one.")
        return
    keys = data.metric_keys(metrics, study["objective"])
    default = [study["objective"], "train/loss_total"]
    wanted = choose_several("Metrics and loss parts", "metrics", keys, default, MAX_PANELS)
    if wanted:
        figure = curves.learning_curves(metrics, rows, wanted, trial_colours(chosen), study["mask_seen"])
        chart(figure, "learning-curves", "Chosen metrics of the chosen trials by epoch")


def _parallel(url: str, study: dict, trials: pd.DataFrame, label: str) -> None:
    values = trials["value"]
    parameters = data.parameters(trials[values.notna()])
    varied = [name for name in parameters if parameters[name].nunique() > 1]
    if not varied:
        nothing("Nothing to compare yet.", "Two trials that differ in a parameter and have a value are needed.")
        return
    important = data.importances(url, study["study_name"]).groupby("parameter")["value"].mean()
    ranked = sorted(varied, key=lambda name: -important.get(name, 0.0))
    axes = choose_several("Parameters", "axes", varied, ranked[:DEFAULT_AXES], MAX_AXES)
    figure = search_space.parallel_coordinates(parameters[axes], values.dropna(), label, study["direction"])
    chart(figure, "parallel-coordinates", f"Parameters of each trial and its {label}; drag along an axis to filter")
    count = values.notna().sum()
    st.caption(f"{count} trials with a value; drag along an axis to filter. Colour and last axis: {plain(label)}.")
