"""For which users the chosen trials are good: a measure by slice of users, with how many they are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from dashboard import results, sources
from dashboard.charts.by_slice import by_slice
from dashboard.labels import metric_label, plain, trial_colours
from dashboard.selection import choose
from dashboard.users import MEASURES, SLICES, measure
from dashboard.widgets import chart, nothing, table

FEW_USERS = 30
"""Below so many the interval, which takes means for normal, says little."""


def show(study: dict, trials: pd.DataFrame) -> None:
    """The section of the page; `trials` are the chosen ones."""
    st.subheader("By slice of users", anchor=False)
    written = sources.of_trials(study, trials)
    if not written:
        nothing("None of these trials has per-user results.", "A search writes them as a trial's best epoch improves.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        title = choose(st.selectbox, "Slices", "slice", [slices.title for slices in SLICES.values()], "History length")
    with right:
        name = choose(st.selectbox, "Measure", "by", MEASURES, MEASURES[0])
    slices = next(slices for slices in SLICES.values() if slices.title == title)
    read = {number: results.all_users(source.path) for number, source in written.items()}
    users = {number: rows for number, rows in read.items() if rows is not None}
    bins = {number: found for number, rows in users.items() if (found := slices.of(rows)) is not None}
    if not bins:
        nothing("These results are of an older version, which did not write what this slice needs.", "Choose another.")
        return
    means = slice_means({number: users[number] for number in bins}, bins, slices.labels, name)
    label = metric_label(f"valid/{name}", study["mask_seen"])
    names = {number: written[number].name for number in bins}
    chart(by_slice(means, label, names, trial_colours(bins)), "by-slice", f"{label} by {title.lower()}")
    table(means.rename(columns={"mean": label, "margin": "± (95 %)"}), "by-slice", height="content")
    few = means[means["users"] < FEW_USERS]["slice"].unique()
    words = "Mean over the users of a slice with a 95 % interval over users; it says nothing about other seeds."
    if len(few):
        words += f" Fewer than {FEW_USERS} users, too few to tell: {', '.join(few)}."
    if len(bins) < len(trials):
        missing = [f"{number}" for number in trials["number"] if number not in bins]
        words += f" Without per-user results: trial {', '.join(missing)}."
    st.caption(plain(words))


def slice_means(
    users: Mapping[int, pa.Table], bins: Mapping[int, np.ndarray], labels: tuple[str, ...], name: str
) -> pd.DataFrame:
    """Mean of a measure in every slice that has users: slice, users, trial, mean, margin.

    `margin` is 1.96 standard errors over the slice's users, NaN for a single one.

    Args:
        users: results of each trial with `target_rank`.
        bins: the slice of each of their rows, as an index into `labels`.
        name: of the measure.
    """
    rows = []
    for number, rows_of in users.items():
        values = measure(name, rows_of.column("target_rank").to_numpy())
        grouped = pd.Series(values).groupby(bins[number]).agg(["size", "mean", "sem"])
        rows += [
            {"slice": labels[index], "users": int(row["size"]), "trial": number, "mean": row["mean"],
             "margin": 1.96 * row["sem"], "place": index}
            for index, row in grouped.iterrows()
        ]  # fmt: skip
    frame = pd.DataFrame(rows).sort_values("place", kind="stable")
    return frame.drop(columns="place").reset_index(drop=True)
