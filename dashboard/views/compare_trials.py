"""What became of each trial: history, table, learning curves."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.charts import curves, history
from dashboard.labels import MAX_CHOSEN, metric_label, objective_label, trial_colours
from dashboard.sampling import sentence
from dashboard.selection import choose_several, switch
from dashboard.widgets import chart, nothing, number_formats, table
from tuning import schema

MAX_PANELS = 8
FIRST_PARAMETERS = 6
"""Columns of the table of trials, which a browser would otherwise be sent by the hundred kilobytes."""


def overview(url: str, study: dict) -> None:
    """The optimisation history and the table of trials."""
    shown = in_states(data.trials(url, study["study_name"]))
    if shown.empty:
        nothing("No trial is in these states.", "Choose others above.")
        return
    label = metric_label(study["objective"], study["mask_seen"])
    st.subheader("Optimisation history", anchor=False)
    marked = shown.index
    if not all_trials(len(shown), history.MAX_MARKS):
        marked = history.marked(shown, study["direction"])
    figure = history.optimisation_history(shown, study["direction"], label, marked)
    chart(figure, "optimisation-history", f"{label} of each trial, pruned ones as crosses")
    known = shown["value"].notna()
    st.caption(f"{sentence(int(known[marked].sum()), int(known.sum()))}. The line, the best so far, is that of all.")
    st.subheader("Trials", anchor=False)
    costs = objective_columns(data.values(url, study["study_name"]), study)
    important = data.importances(url, study["study_name"]).groupby("parameter")["value"].mean()
    parameters = data.parameters(shown)
    _table(trials_table(shown, label, costs), label, list(parameters), first_parameters(parameters, important))


def all_trials(trials: int, limit: int) -> bool:
    """Whether all trials are to be drawn; asked where there are more than `limit`."""
    return trials <= limit or switch("All trials", "all", help="A chart of so many takes a browser more time")


def first_parameters(parameters: pd.DataFrame, importance: pd.Series) -> list[str]:
    """The parameters that the table shows until all are asked for: those that vary, the most important first."""
    varied = [name for name in parameters if parameters[name].nunique() > 1]
    return sorted(varied, key=lambda name: -importance.get(name, 0.0))[:FIRST_PARAMETERS]


def in_states(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials in the states that the user has chosen."""
    states = [state for state in schema.STATES if state in set(trials["state"])]
    wanted = choose_several("States", "states", states, states, len(schema.STATES))
    return trials[trials["state"].isin(wanted)].reset_index(drop=True)


def objective_columns(values: pd.DataFrame, study: dict) -> pd.DataFrame:
    """The objectives' values after the first one, whose value the trial has: by trial number, a column an objective."""
    others = values[values["name"] != study["objective"]]
    wide = others.pivot(index="number", columns="name", values="value").rename_axis(columns=None)
    return wide.rename(columns=lambda name: objective_label(name, study["mask_seen"]))


def trials_table(trials: pd.DataFrame, label: str, costs: pd.DataFrame) -> pd.DataFrame:
    """What the table of trials shows: state, outcome, costs, time, then one column a parameter."""
    names = {
        "number": "trial", "state": "state", "reason": "reason", "value": label, "best_epoch": "best epoch",
        "pruned_epoch": "given up at", "seconds": "seconds", "retry_of": "goes on with",
    }  # fmt: skip
    frame = trials[list(names)].rename(columns=names)
    frame = frame.join(costs, on="trial").astype({"given up at": "Int64", "goes on with": "Int64"})
    errors = trials["error"].map(lambda error: (str(error).strip().splitlines() or [""])[-1], na_action="ignore")
    return pd.concat([frame, data.parameters(trials), errors.rename("error")], axis=1)


def _table(frame: pd.DataFrame, label: str, parameters: list[str], first: list[str]) -> None:
    every = len(parameters) <= FIRST_PARAMETERS or switch("All parameters", "columns")
    hidden = [] if every else [name for name in parameters if name not in first]
    number = st.column_config.NumberColumn
    columns = {name: number(format=form) for name, form in number_formats(frame, 4).items()}
    columns |= {
        "reason": st.column_config.TextColumn(width=110, help="Why the trial failed or was stopped"),
        "trial": number(pinned=True, width="small"),
        label: number(format="%.5f", help="At the trial's best epoch"),
        "given up at": number(help="The pruner's verdict fell at this epoch; a COMPLETE trial with one was audited"),
        "seconds": number(format="%.0f", help="From start to end, or until now"),
        "goes on with": number(help="The trial, cut off before its end, that this one goes on with"),
        "error": st.column_config.TextColumn(help="The last line; the trial's page has all of it"),
    }
    frame = frame.dropna(axis=1, how="all")
    table(frame.drop(columns=hidden, errors="ignore"), "trials", frame, column_config=columns)
    more = f" {len(first)} of {len(parameters)} parameters, the most important that vary; the CSV has all." * bool(
        hidden
    )
    st.caption(f"{len(frame):,} trials; a click on a column's head sorts by it.{more}")


def learning_curves(url: str, study: dict) -> None:
    """Metrics of chosen trials by epoch."""
    trials = data.trials(url, study["study_name"])
    best = data.best_trials(trials, study["direction"], 4)
    options = trials["number"].tolist()
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
    default = [study["objective"], *(key for key in keys if "/loss" in key)]
    wanted = choose_several("Metrics and loss parts", "metrics", keys, default, MAX_PANELS)
    if wanted:
        figure = curves.learning_curves(metrics, rows, wanted, trial_colours(chosen), study["mask_seen"])
        chart(figure, "learning-curves", "Chosen metrics of the chosen trials by epoch")
