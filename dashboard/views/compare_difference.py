"""In what two trials differ: parameters, value, cost."""

from collections.abc import Mapping
from numbers import Real

import pandas as pd
import streamlit as st

from dashboard import data, results
from dashboard.files import UnreadableFile
from dashboard.labels import COSTS, duration, metric_label, objective_label, plain
from dashboard.selection import choose, go
from dashboard.widgets import nothing, table
from tuning import schema


def show(url: str, study: dict) -> None:
    """Two trials, chosen here or by a link, side by side."""
    trials = data.trials(url, study["study_name"])
    if len(trials) < 2:
        nothing("There is one trial only.", "Two can be compared.")
        return
    one, other = _choose(trials, study["direction"])
    rows = data.with_numbers(trials, [one, other])
    first, second = rows.to_dict("records")
    st.subheader("Outcome and cost", anchor=False)
    table(outcome_table(first, second, study, _costs(url, study, rows)), "outcome", height="content")
    st.subheader("Parameters that differ", anchor=False)
    frame = parameters_table(first, second)
    if frame.empty:
        nothing("The two have the same parameters.", "What differs between them is chance, or where each was cut off.")
    else:
        table(frame, "difference", height="content")
    same = len(first["params"].keys() | second["params"].keys()) - len(frame)
    st.caption(f"{same} searched parameters are the same in both. All that is not searched is the same in every trial.")
    pair = f"{one},{other}"
    with st.container(horizontal=True):
        st.button("Their curves", on_click=go, args=("compare",), kwargs={"section": "curves", "trials": pair})
        st.button("What they recommend", on_click=go, args=("users",), kwargs={"lists": pair})


def _choose(trials: pd.DataFrame, direction: str) -> tuple[int, int]:
    numbers = trials["number"].tolist()
    best = [*data.best_trials(trials, direction, 1), *numbers][0]
    left, right = st.columns(2)
    with left:
        one = choose(st.selectbox, "Trial", "one", numbers, best, format_func=lambda n: f"trial {n}")
    others = [number for number in numbers if number != one]
    with right:
        other = choose(st.selectbox, "against", "other", others, others[0], format_func=lambda n: f"trial {n}")
    return one, other


def parameters_table(one: Mapping, other: Mapping) -> pd.DataFrame:
    """The parameters in which two trials differ: name, both values, and their ratio where it means something."""
    mine, theirs = one["params"], other["params"]
    names = [name for name in dict.fromkeys([*mine, *theirs]) if mine.get(name) != theirs.get(name)]
    return _side_by_side("parameter", one, other, {name: (mine.get(name), theirs.get(name)) for name in names}, _text)


def outcome_table(one: Mapping, other: Mapping, study: Mapping, costs: Mapping[str, tuple]) -> pd.DataFrame:
    """State, value and cost of two trials, side by side."""
    label = metric_label(study["objective"], study["mask_seen"])
    facts = {
        "state": tuple(
            f"{trial['state']}{': ' + trial['reason'] if trial['reason'] else ''}" for trial in (one, other)
        ),
        label: (one["value"], other["value"]),
        "best epoch": (one["best_epoch"], other["best_epoch"]),
    }
    facts |= costs
    frame = _side_by_side("outcome", one, other, facts, _text)
    times = ["time, start to end", duration(one["seconds"]), duration(other["seconds"]), ""]
    return pd.concat([frame, pd.DataFrame([times], columns=frame.columns)], ignore_index=True)


def _side_by_side(title: str, one: Mapping, other: Mapping, facts: Mapping[str, tuple], text) -> pd.DataFrame:
    rows = [(name, text(mine), text(theirs), _ratio(mine, theirs)) for name, (mine, theirs) in facts.items()]
    return pd.DataFrame(rows, columns=[title, f"trial {one['number']}", f"trial {other['number']}", "second / first"])


def _costs(url: str, study: dict, rows: pd.DataFrame) -> dict[str, tuple]:
    """The further objectives of both, seconds of training and number of parameters, wherever they are known from."""
    ids = rows["trial_id"].tolist()
    values = data.values(url, study["study_name"])
    values = values[values["trial_id"].isin(ids) & (values["name"] != study["objective"])]
    known = {(row.trial_id, row.name_): row.value for row in values.rename(columns={"name": "name_"}).itertuples()}
    metrics = data.metrics(url, tuple(ids))
    seconds = metrics[metrics["key"] == "train/seconds"].groupby("trial_id")["value"].sum()
    for trial_id in ids:
        if trial_id in seconds:
            known.setdefault((trial_id, schema.TRAIN_SECONDS), seconds[trial_id])
        if (parameters := _parameter_count(study, trial_id)) is not None:
            known.setdefault((trial_id, schema.PARAMETERS), parameters)
    names = dict.fromkeys([*COSTS, *values["name"]])
    return {
        objective_label(name, study["mask_seen"]): tuple(known.get((trial_id, name)) for trial_id in ids)
        for name in names
    }


def _parameter_count(study: dict, trial_id: str) -> float | None:
    try:
        found = results.diagnostics(study, trial_id) or {}
    except UnreadableFile as error:
        st.warning(plain(error))
        return None
    return found.get("parameters")


def _text(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1e5 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and value >= 1e5 else str(value)


def _ratio(mine: object, theirs: object) -> str:
    """`× 2.5` of two positive numbers."""
    both = [value for value in (mine, theirs) if isinstance(value, Real) and not isinstance(value, bool) and value > 0]
    return f"× {float(theirs) / float(mine):.3g}" if len(both) == 2 else ""
