"""For which users the chosen trials are good: a measure by slice of users, with how many they are."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import streamlit as st

from dashboard import results, sources
from dashboard.charts.by_slice import by_slice
from dashboard.labels import metric_label, plain, trial_colours
from dashboard.selection import choose
from dashboard.slicing import TITLES, Members, enough_users, margin, members, worst_slice
from dashboard.users import MEASURES, measure
from dashboard.widgets import chart, nothing, table

FEW_USERS = 30
"""Below so many the interval, which takes means for normal, says little."""


MOST_ROWS = 16
"""Of a table that is shown whole; of more the rest is scrolled to."""
_MARGIN = "± (95 %)"


def show(url: str, study: dict, trials: pd.DataFrame) -> None:
    """The section of the page; `trials` are the chosen ones."""
    st.subheader("By slice of users", anchor=False)
    written = sources.of_trials(study, trials)
    if not written:
        nothing("None of these trials has per-user results.", "A search writes them as a trial's best epoch improves.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        title = choose(st.selectbox, "Slices", "slice", list(TITLES.values()), "History length")
    with right:
        name = choose(st.selectbox, "Measure", "by", MEASURES, MEASURES[0])
    family = next(key for key, words in TITLES.items() if words == title)
    read = {number: results.all_users(source.path) for number, source in written.items()}
    users = {number: rows for number, rows in read.items() if rows is not None}
    cut = members_of(users, results.item_categories(results.items_path(study)))
    label = metric_label(f"valid/{name}", study["mask_seen"])
    _worst(study, users, cut, name, label)
    shown = {number: found[family] for number, found in cut.items() if family in found}
    if not shown:
        nothing("These results do not have what this slice needs.", "Choose another.")
        return
    means = slice_means(users, shown, name)
    means["worst"] = is_worst(means, {number: _enough(study, len(users[number])) for number in shown})
    names = {number: written[number].name for number in shown}
    chart(by_slice(means, label, names, trial_colours(shown)), "by-slice", f"{label} by {title.lower()}")
    shown_means = means.rename(columns={"mean": label, "margin": _MARGIN})
    height = {"height": "content"} if len(means) <= MOST_ROWS else {}
    table(shown_means, "by-slice", column_config=_formats(label), **height)
    few = means[means["users"] < FEW_USERS]["slice"].unique()
    words = "Mean over the users of a slice with a 95 % interval over users; it says nothing about other seeds."
    words += " ▼ is the worst of these slices that has enough users."
    if len(few):
        words += f" Fewer than {FEW_USERS} users, too few to tell: {', '.join(few)}."
    if len(shown) < len(trials):
        missing = [f"{number}" for number in trials["number"] if number not in shown]
        words += f" Without per-user results for this: trial {', '.join(missing)}."
    st.caption(plain(words))


def members_of(users: Mapping[int, pa.Table], items: pa.Table | None) -> dict[int, Members]:
    """The slices of every trial's users; worked out once for trials that have the same users."""
    found: dict[int, Members] = {}
    for number, rows in users.items():
        twin = next((other for other in found if _same_users(rows, users[other])), None)
        found[number] = members(rows, items) if twin is None else found[twin]
    return found


def _same_users(one: pa.Table, other: pa.Table) -> bool:
    same = one.column_names == other.column_names
    return same and one.drop_columns("target_rank").equals(other.drop_columns("target_rank"))


def slice_means(users: Mapping[int, pa.Table], cut: Mapping[int, Mapping], name: str) -> pd.DataFrame:
    """Mean of a measure in every slice of a family: slice, users, trial, mean, margin (of its 95 % interval).

    The slices come in the order of the first trial that has them, the trials of each beside each other.

    Args:
        users: results of each trial with `target_rank`.
        cut: rows of each trial's users by slice.
        name: of the measure.
    """
    rows = []
    for number, labels in cut.items():
        values = measure(name, users[number].column("target_rank").to_numpy())
        rows += [
            {"slice": label, "users": len(mine), "trial": number, "mean": values[mine].mean(),
             "margin": margin(values[mine])}
            for label, mine in labels.items()
        ]  # fmt: skip
    frame = pd.DataFrame(rows)
    places = {label: place for place, label in enumerate(dict.fromkeys(_in_order(cut)))}
    return frame.sort_values("slice", key=lambda labels: labels.map(places), kind="stable").reset_index(drop=True)


def _in_order(cut: Mapping[int, Mapping]) -> list[str]:
    return [label for labels in cut.values() for label in labels]


def is_worst(means: pd.DataFrame, enough: Mapping[int, int]) -> pd.Series:
    """Which row is its trial's lowest among those with enough users; the first of equal ones."""
    fit = means[means["users"] >= means["trial"].map(enough)]
    return pd.Series(means.index.isin(fit.groupby("trial")["mean"].idxmin()), index=means.index)


def _formats(*names: str) -> dict:
    return dict.fromkeys((*names, _MARGIN), st.column_config.NumberColumn(format="%.4f"))


def _enough(study: dict, users: int) -> int:
    return enough_users(_config(study).get("worst_slice_users", 100), users)


def _config(study: dict) -> dict:
    return study["spec"].get("config", {})


def _worst(study: dict, users: Mapping[int, pa.Table], cut: Mapping[int, Members], name: str, label: str) -> None:
    """Every trial's worst slice over all families that the study's configuration names."""
    families = _config(study).get("worst_slice_families", list(TITLES))
    rows = []
    for number, found in cut.items():
        values = measure(name, users[number].column("target_rank").to_numpy())
        mine = {family: found[family] for family in families if family in found}
        if worst := worst_slice(users[number], mine, name, _enough(study, len(values))):
            facts = {"trial": number, "worst slice": f"{TITLES[worst.family]}: {worst.label}", "users": worst.users}
            rows.append(facts | {label: worst.mean, _MARGIN: worst.margin, "all users": float(values.mean())})
    if not rows:
        return
    st.markdown("**The slice of users that each trial serves worst**")
    table(pd.DataFrame(rows), "worst-slice", height="content", column_config=_formats(label, "all users"))
    fewest = min(_enough(study, len(rows_of)) for rows_of in users.values())
    st.caption(plain(f"Over all families, among slices of {fewest:,} users or more ({label})."))
