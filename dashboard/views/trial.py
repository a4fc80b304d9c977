"""One trial: its parameters, how it went, what its model learnt."""

import pandas as pd
import streamlit as st

from dashboard import data, results
from dashboard.charts import curves, model
from dashboard.files import UnreadableFile
from dashboard.labels import duration, metric_label, plain, trial_colours
from dashboard.selection import choose, choose_several, go, ignored
from dashboard.views import trial_run
from dashboard.widgets import chart, nothing, table

MAX_PANELS = 12


def show(url: str, study_name: str) -> None:
    """The whole view, drawn again by itself while the search runs."""
    every = data.study_refresh_seconds(url, study_name)
    st.fragment(run_every=every)(_view)(url, study_name)


def _view(url: str, study_name: str) -> None:
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    if trials.empty:
        nothing("This study has no trials yet.", "They appear here as the search starts them.")
        return
    numbers = trials["number"].tolist()
    best = data.best_trials(trials, study["direction"], 1) or numbers[:1]
    ignored("trial", numbers)
    number = choose(st.selectbox, "Trial", "trial", numbers, best[0], format_func=lambda n: f"trial {n}", width=220)
    trial = trials.set_index("number", drop=False).loc[number].to_dict()
    _summary(trial, study)
    lists = ",".join(str(other) for other in dict.fromkeys([number, *best]))
    with st.container(horizontal=True):
        st.button("What it recommends", on_click=go, args=("users",), kwargs={"lists": lists}, icon=":material/group:")
        if others := [other for other in [*best, *numbers] if other != number]:
            pair = {"section": "difference", "one": number, "other": others[0]}
            st.button("Compare with another", on_click=go, args=("compare",), kwargs=pair, icon=":material/difference:")
    if trial["error"]:
        st.subheader("Error", anchor=False)
        st.code(trial["error"], language=None, wrap_lines=True)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.subheader("Parameters", anchor=False)
        _parameters(trials, number, study["spec"].get("published", {}))
    with right:
        st.subheader("Curves", anchor=False)
        _curves(url, study, trials, number)
    st.subheader("What the model learnt", anchor=False)
    _diagnostics(study, trial["trial_id"])
    trial_run.show(study, trial, data.metrics(url, (trial["trial_id"],)))


def _summary(trial: dict, study: dict) -> None:
    label = metric_label(study["objective"], study["mask_seen"])
    with st.container(horizontal=True):
        st.metric("state", trial["state"], border=True)
        if trial["reason"]:
            st.metric("reason", plain(trial["reason"]), border=True)
        st.metric("value", "–" if pd.isna(trial["value"]) else f"{trial['value']:.5f}", border=True)
        st.metric("best epoch", "–" if pd.isna(trial["best_epoch"]) else str(trial["best_epoch"]), border=True)
        st.metric("time", duration(trial["seconds"]), border=True)
    goes_on = "" if pd.isna(trial["retry_of"]) else f" · goes on with trial {trial['retry_of']:.0f}"
    st.caption(
        f"Model: {plain(data.model_of(study['spec']))} · value: {plain(label)}, {plain(study['direction'])}{goes_on}"
    )


def parameters_table(trials: pd.DataFrame, number: int, published: dict) -> pd.DataFrame:
    """Parameters of a trial beside the published ones and those of trial 0, which the search started from.

    `differs` says where it departs from the published value, or where that is not known from trial 0.
    """
    rows = trials.set_index("number")["params"]
    mine, first = rows[number], rows.get(0, {})
    frame = pd.DataFrame({"parameter": list(mine), "value": [_text(value) for value in mine.values()]})
    for title, others in (("published", published), ("trial 0", first if number != 0 else {})):
        if others:
            frame[title] = [_text(others[name]) if name in others else "" for name in mine]
    others = ({} if number == 0 else first) | published
    if not others:
        return frame
    return frame.assign(differs=[name not in others or _text(mine[name]) != _text(others[name]) for name in mine])


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _parameters(trials: pd.DataFrame, number: int, published: dict) -> None:
    frame = parameters_table(trials, number, published)
    if frame.empty:
        nothing("This trial has no parameters.", "Its search proposed none.")
        return
    table(frame, "parameters", height="content")
    if "trial 0" in frame:
        st.caption("Published: the authors' configuration. Trial 0: the one that the search started from.")


def _curves(url: str, study: dict, trials: pd.DataFrame, number: int) -> None:
    rows = data.with_numbers(trials, [number])
    metrics = data.metrics(url, tuple(rows["trial_id"]))
    if metrics.empty:
        nothing("No epoch of this trial has finished yet.", "Its curves start with the first one.")
        return
    keys = data.metric_keys(metrics, study["objective"])
    default = [key for key in keys if key == study["objective"] or "/loss" in key]
    wanted = choose_several("Metrics and loss parts", "curves", keys, default, MAX_PANELS)
    if wanted:
        figure = curves.learning_curves(metrics, rows, wanted, trial_colours([number]), study["mask_seen"])
        chart(figure, "trial-curves", f"Chosen metrics of trial {number} by epoch")


def _diagnostics(study: dict, trial_id: str) -> None:
    try:
        found = results.diagnostics(study, trial_id)
    except UnreadableFile as error:
        st.warning(plain(error))
        return
    if not found:
        nothing(
            "This trial has not written down what its model learnt.",
            "A search does so at the end of a trial, for those it did not prune early.",
        )
        return
    left, right = st.columns(2, gap="medium")
    with left:
        if weights := found.get("modality_weights"):
            figure = model.bars(weights, "Modality weights in the score", "weight")
            chart(figure, "modality-weights", "Weight of each modality in the score")
    with right:
        if gates := found.get("gate_strength"):
            figure = model.bars(gates, "Strength of the wavelet gates by level", "mean σ")
            chart(figure, "gate-strength", "Mean gate strength of each wavelet level")
    if use := found.get("expert_use"):
        chart(model.expert_use(use), "expert-use", "Use of each routed expert by time gap")
    _numbers(found)


def _numbers(found: dict) -> None:
    facts = {
        "time gaps at the table's end": ("time_saturation", lambda share: f"{share:.1%}"),
        "peak memory": ("peak_memory_bytes", lambda size: f"{size / 2**20:,.0f} MiB"),
        "model parameters": ("parameters", lambda count: f"{count:,.0f}"),
    }
    with st.container(horizontal=True):
        for label, (key, form) in facts.items():
            if isinstance(found.get(key), int | float):
                st.metric(label, form(found[key]), border=True)
    details = st.expander("All of it", key="diagnostics", on_change="rerun")
    if details.open:
        with details:
            st.json(found)
