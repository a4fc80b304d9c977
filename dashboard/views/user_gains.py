"""Which users one result serves better than another: who gained and who lost, most first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from dashboard.beyond import MEASURES as BEYOND
from dashboard.beyond import OF_USERS
from dashboard.labels import metric_label, plain, seen_mode
from dashboard.selection import choose
from dashboard.sources import Source, users_of
from dashboard.users import MEASURES, differences
from dashboard.widgets import nothing, table

MAX_ROWS = 100
"""Users listed on either side."""
SIDES = {"gained": 1, "lost": -1}


def show(study: dict, split: str, chosen: Sequence[Source], users: pa.Table, mask: np.ndarray | None) -> None:
    """The section; a click on a row opens that user below.

    Args:
        chosen: two at least, whose first one has the `users`.
        mask: which of the users count; None for all.
    """
    st.subheader("Who gained, who lost", anchor=False)
    pairs = {f"{one.key}~{other.key}": (one, other) for one in chosen for other in chosen if one is not other}
    left, right, *_ = st.columns([2, 1, 1], gap="medium")
    with left:
        names = {key: f"from {one.name} to {other.name}" for key, (one, other) in pairs.items()}
        pair = choose(st.selectbox, "Compare", "pair", list(pairs), next(iter(pairs)), format_func=names.get)
    one, other = pairs[pair]
    first, second = users_of(one), users_of(other)
    beyond = [name for name in OF_USERS if name in first.column_names and name in second.column_names]
    titles = {name: BEYOND[name].title for name in beyond}
    with right:
        options = [*MEASURES, *beyond]
        measure = choose(
            st.selectbox, "By each user's", "by", options, options[0], format_func=lambda one: titles.get(one, one)
        )
    if mask is not None and not first.column("user").equals(users.column("user")):
        kept = users.column("user").filter(pa.array(mask)).combine_chunks()
        mask = pc.is_in(first.column("user"), kept).to_numpy()
    found = differences(first, second, measure, mask)
    if not len(found.gain):
        nothing(f"No user is in both {one.name} and {other.name}.", "They were evaluated on different users.")
        return
    summary = found.summary()
    _numbers(summary)
    mode = seen_mode(study["mask_seen"])
    is_beyond = measure in titles
    label = (
        f"{titles[measure]} · {split} · {mode}" if is_beyond else metric_label(f"{split}/{measure}", study["mask_seen"])
    )
    st.caption(
        plain(f"{label}: {other.name} less {one.name}, {len(found.gain):,} users. Click a row to open the user.")
    )
    for column, (side, sign) in zip(st.columns(2, gap="medium"), SIDES.items(), strict=True):
        with column:
            frame = found.most(MAX_ROWS, sign, [f"rank in {one.short}", f"rank in {other.short}"])
            _side(side, frame, summary[side], other)


def _numbers(summary: dict[str, float]) -> None:
    for column, name in zip(st.columns(4), ("gained", "lost", "same", "mean"), strict=True):
        value = f"{summary[name]:+.5f}" if name == "mean" else f"{summary[name]:,}"
        column.metric("mean difference" if name == "mean" else name, value)


def _side(side: str, frame: pd.DataFrame, count: int, other: Source) -> None:
    most = f", the first {MAX_ROWS} of {count:,}" if count > MAX_ROWS else ""
    st.markdown(f"**{side.capitalize()}** with {plain(other.name)}{most}")
    if frame.empty:
        nothing(f"No user {side}.", "Compare other results, or by another measure.")
        return
    table(
        frame, side, height=250, on_select=lambda: open_user(frame, f"table-{side}"), selection_mode="single-row",
        column_config={
            "difference": st.column_config.NumberColumn(format="%+.4f"),
            "last gap, days": st.column_config.NumberColumn(format="%.2f"),
            "in training": st.column_config.NumberColumn(help="how often the target occurs in training"),
        },
    )  # fmt: skip


def open_user(frame: pd.DataFrame, key: str) -> None:
    """Let the URL name the user of the row that was clicked in the table of this key."""
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        st.query_params["user"] = frame["user"].iloc[rows[0]]
        st.query_params.pop("find", None)
