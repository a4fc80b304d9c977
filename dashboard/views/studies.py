"""Every study of the store, and what one of them is."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.labels import duration, metric_label, objective_label, plain
from dashboard.selection import go, open_study
from dashboard.widgets import nothing, table
from tuning import schema

_ACTIVITY = {data.ACTIVE: "▶ running", data.SILENT: "? silent", data.ENDED: "■ ended"}


def show(url: str, study_name: str) -> None:
    """The list of studies, kept up to date, and the chosen one below it."""
    every = data.overview_refresh_seconds(data.studies(url))
    st.fragment(run_every=every)(_overview)(url)
    every = data.study_refresh_seconds(url, study_name)
    st.fragment(run_every=every)(_details)(url, study_name)


def _overview(url: str) -> None:
    studies = data.studies(url)
    st.caption("Select a row to open a study.")
    table(
        overview_table(studies), "studies", selection_mode="single-row",
        on_select=lambda: _open_selected(studies["study_name"].tolist()),
        column_config={
            "progress": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=110),
            "best value": st.column_config.NumberColumn(format="%.5f", help="The best COMPLETE trial's best epoch"),
            "started (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
    )  # fmt: skip
    if st.session_state.pop("study-opened", False):
        st.rerun(scope="app")


def _open_selected(names: list[str]) -> None:
    rows = st.session_state["table-studies"].selection.rows
    if rows:
        open_study(names[rows[0]])
        st.session_state["study-opened"] = True


def overview_table(studies: pd.DataFrame) -> pd.DataFrame:
    """What the list of studies shows, one row a study."""
    modes = zip(studies["objective"], studies["mask_seen"], strict=True)
    return pd.DataFrame(
        {
            "study": studies["study_name"],
            "data set": studies["dataset"],
            "model": studies["model"],
            "state": studies["activity"].map(_ACTIVITY),
            "progress": 100 * studies["progress"],
            "best value": studies["best_value"],
            "objective": [metric_label(key, seen) for key, seen in modes],
            "complete": studies[schema.COMPLETE],
            "pruned": studies[schema.PRUNED],
            "failed": studies[schema.FAIL],
            "time": studies["seconds"].map(duration),
            "started (UTC)": studies["created_at"],
        }
    )


def _details(url: str, study_name: str) -> None:
    study = data.study(url, study_name)
    trials = data.trials(url, study_name)
    row = data.studies(url).set_index("study_name").loc[study_name]
    st.subheader(plain(study_name), anchor=False)
    best = data.best_trials(trials[trials["state"] == schema.COMPLETE], study["direction"], 1)
    with st.container(horizontal=True):
        st.metric("best value", f"{row['best_value']:.5f}" if best else "–", border=True)
        st.metric("best trial", str(best[0]) if best else "–", border=True)
        st.metric("finished", f"{row['finished']} of {study['trials_asked']}", border=True)
        st.metric("running", str(row[schema.RUNNING]), border=True)
        st.metric("pruned", str(row[schema.PRUNED]), border=True)
        st.metric("failed", str(row[schema.FAIL]), border=True)
        st.metric("time", duration(row["seconds"]), border=True)
    aims = data.objectives(url, study_name).items()
    facts = (
        *(f"{direction} {objective_label(name, study['mask_seen'])}" for name, direction in aims),
        f"{data.model_of(study['spec'])} on {study['dataset']}",
        "split by time" if data.is_split_by_time(study["spec"]) else "leave-one-out",
        f"looks at the test split: {data.test_looks(url, study_name)}",
        f"code {(study['git_sha'] or 'unknown')[:10]}",
    )
    st.caption(plain(" · ".join(facts)))
    if trials.empty:
        nothing("This study has no trials yet.", "They appear here as the search starts them.")
    elif best:
        with st.container(horizontal=True):
            chosen = {"trial": best[0], "study": study_name}
            st.button(f"Look at trial {best[0]}", on_click=go, args=("trial",), kwargs=chosen)
            st.button("Compare its trials", on_click=go, args=("compare",), kwargs={"study": study_name})
    details = st.expander("Specification: configuration, space and versions", key="specification", on_change="rerun")
    if details.open:  # hundreds of lines, and a script to draw them, that most visitors do not ask for
        with details:
            st.json(study["spec"], expanded=1)
