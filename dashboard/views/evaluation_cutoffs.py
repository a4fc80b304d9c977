"""Every metric at every cutoff of the chosen trials, and how far each is from the first chosen one."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.charts import cutoffs
from dashboard.labels import metric_label, plain, seen_mode, trial_colours
from dashboard.widgets import chart, nothing, table


def show(url: str, study: dict, trials: pd.DataFrame) -> None:
    """The section of the page; `trials` are the chosen ones."""
    values = at_best_epoch(data.metrics(url, tuple(trials["trial_id"])), trials)
    if values.empty:
        nothing("These trials have no metrics with a cutoff.", "Their configuration names the metrics and cutoffs.")
    else:
        _cutoffs(study, values, trials["number"].tolist())


def at_best_epoch(metrics: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Validation metrics of each trial's best epoch: trial, key, name, cutoff, value; in the order of the trials."""
    rows = trials[["trial_id", "number", "best_epoch"]].rename(columns={"number": "trial"})
    joined = rows.merge(metrics, on="trial_id")
    found = joined[(joined["epoch"] == joined["best_epoch"]) & joined["key"].str.startswith("valid/")]
    parts = found["key"].str.extract(r"^valid/(?P<name>.+)@(?P<cutoff>\d+)$")
    found = found.assign(name=parts["name"], cutoff=parts["cutoff"].astype(float)).dropna(subset=["cutoff"])
    return found.astype({"cutoff": int})[["trial", "key", "name", "cutoff", "value"]].reset_index(drop=True)


def cutoffs_table(values: pd.DataFrame) -> pd.DataFrame:
    """One row a trial, one column a metric and cutoff."""
    ordered = values.sort_values(["name", "cutoff"])
    wide = values.pivot(index="trial", columns="key", values="value").reindex(values["trial"].unique())
    wide = wide[list(dict.fromkeys(ordered["key"]))].rename(columns=lambda key: key.removeprefix("valid/"))
    return wide.rename_axis(columns=None).reset_index()


def _cutoffs(study: dict, values: pd.DataFrame, chosen: list[int]) -> None:
    st.subheader("Metrics at every cutoff", anchor=False)
    frame = cutoffs_table(values)
    columns = {name: st.column_config.NumberColumn(format="%.5f") for name in frame.columns[1:]}
    table(frame, "cutoffs", column_config=columns)
    mode = seen_mode(study["mask_seen"])
    words = f"Validation split, {mode}, each trial at its best epoch."
    st.caption(plain(f"{words} Each trial is one seed: small differences may be chance."))
    st.markdown(f"Difference to trial {chosen[0]}, the first chosen")
    relative = cutoffs.relative_to(values, chosen[0])
    names = sorted(
        name for name in values["name"].unique() if values.loc[values["name"] == name, "cutoff"].nunique() > 1
    )
    for column, name in zip(st.columns(len(names), gap="medium"), names, strict=True):
        with column:
            label = metric_label(f"valid/{name}@k", study["mask_seen"])
            figure = cutoffs.by_cutoff(relative, name, label, trial_colours(chosen))
            chart(figure, f"cutoffs-{name}", f"{label} of the chosen trials by cutoff, against trial {chosen[0]}")
