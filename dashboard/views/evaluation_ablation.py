"""What earns its place: the best configuration without each of its parts, and each modality's share."""

import pandas as pd
import streamlit as st

from dashboard import commands, data
from dashboard.ablation import TITLES, parts_table, shares_table, slices_table, subsets_table, whole_facts
from dashboard.charts import ablation as charts
from dashboard.labels import metric_label, plain
from dashboard.selection import choose
from dashboard.widgets import chart, nothing, table

_SIGNED = st.column_config.NumberColumn(format="%+.5f")
_PLAIN = st.column_config.NumberColumn(format="%.5f")


def show(url: str, study: dict, trials: pd.DataFrame) -> None:
    """The section of the page."""
    st.subheader("Ablation", anchor=False, help="The configuration trained again without each part, on the same seeds")
    found = data.findings(url, study["study_name"], "ablation")
    parts = parts_table(found)
    shares = data.findings(url, study["study_name"], "shapley")
    label = metric_label(study["objective"], study["mask_seen"])
    if parts.empty:
        nothing("It is not known what the parts of this study's best configuration are worth.",
                "This trains it again without each of them, on validation:")  # fmt: skip
        st.code(commands.of_study("ablate.py", url, study["study_name"]), language="shell", wrap_lines=True)
    else:
        _parts(parts, whole_facts(found), label)
        _slices(found, parts, label)
    if not shares.empty:
        _shares(shares, label)


def _parts(parts: pd.DataFrame, whole: dict[str, float], label: str) -> None:
    trial = f"trial {whole['trial']:.0f}" if "trial" in whole else "the configuration"
    chart(charts.differences(parts, label), "ablation", f"{label} of {trial} without each part, less the whole")
    shown = parts.drop(columns="part").rename(columns={"mean": label, "low": "from", "high": "to"})
    config = {label: _PLAIN, "sd": _PLAIN} | dict.fromkeys(("difference", "from", "to"), _SIGNED)
    table(shown, "ablation", height="content", column_config=config)
    seeds = parts["seeds"].max()
    random = "users and seeds" if seeds > 1 else "users alone, as there is one seed"
    spread = "" if pd.isna(whole["sd"]) else f" ± {whole['sd']:.5f}"
    st.caption(plain(
        f"The whole, {trial}: {whole['mean']:.5f}{spread} over {whole['seeds']:.0f} seeds. Differences are paired user "
        f"by user on the same seeds, with a 95 % interval over {random}; left of 0 the part helps. The verdict is "
        f"corrected for {len(parts)} parts (Holm). Nothing was tuned again without the part."
    ))  # fmt: skip


def _slices(found: pd.DataFrame, parts: pd.DataFrame, label: str) -> None:
    part = choose(st.selectbox, "By slice of users, without", "part", parts["part"].tolist(), parts["part"][0],
                  format_func=lambda each: TITLES.get(each, each))  # fmt: skip
    frame = slices_table(found, part)
    if frame.empty:
        nothing("No slice has enough users to say something of it.", "A larger data set has such slices.")
        return
    shown = frame.rename(columns={"difference": f"difference in {label}", "low": "from", "high": "to"})
    config = dict.fromkeys((f"difference in {label}", "from", "to"), _SIGNED)
    table(shown, "ablation-slices", height="content", column_config=config)
    worst, best = frame.loc[frame["difference"].idxmin()], frame.loc[frame["difference"].idxmax()]
    words = [f"Suffers most: {worst['slice']}."] if worst["difference"] < 0 else []
    words += [f"Gains most: {best['slice']}."] if best["difference"] > 0 else []
    st.caption(plain(" ".join([*words, "Each interval stands for itself: of many slices some are off 0 by chance."])))


def _shares(found: pd.DataFrame, label: str) -> None:
    frame = shares_table(found)
    if frame.empty:
        return
    st.markdown("**What each modality is worth**")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        chart(charts.shares(frame, label), "shares", f"Share of each modality in {label}")
    with right:
        subsets = subsets_table(found).rename(columns={"mean": label})
        table(subsets, "subsets", height="content", column_config={label: _PLAIN})
    st.caption(plain(
        "Shapley's shares: what a modality adds, averaged over all orders in which they can be added. They sum to what "
        "all of them have more than Popularity. Intervals are at 95 % over users and seeds."
    ))  # fmt: skip
