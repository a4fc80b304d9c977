"""Which users are looked at: by history, last gap, and what is known of their target."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import streamlit as st

from dashboard import results
from dashboard.labels import plain
from dashboard.selection import choose
from dashboard.slicing import SLICES, Categories, counts

ALL = "all"


def choose_users(study: dict, users: pa.Table) -> np.ndarray | None:
    """Which of the users are in every chosen slice; None where none is chosen."""
    masks, missing = [], []
    *columns, last = st.columns(len(SLICES) + 1, gap="medium")
    for column, (name, slices) in zip(columns, SLICES.items(), strict=True):
        bins = slices.of(users)
        if bins is None:
            missing.append(slices.title)
            continue
        with column:
            label = _choose(slices.title, name, counts(bins, slices))
        if label != ALL:
            masks.append(bins == slices.labels.index(label))
    items = results.item_categories(results.items_path(study))
    categories = None if items is None else Categories.of(users, items)
    if categories is not None and len(categories.category):
        with last:
            label = _choose("Category of the target", "category", categories.counts())
        if label != ALL:
            masks.append(categories.mask(label, len(users)))
    if missing:
        *others, last_title = (f"“{title}”" for title in missing)
        names = " and ".join(filter(None, [", ".join(others), last_title]))
        st.caption(plain(f"These results are of an older version, which did not write what {names} would need."))
    if len(users) >= results.MAX_LISTED_USERS:
        st.caption(f"Counted and compared are the first {len(users):,} users; any other is found by the whole id.")
    return np.logical_and.reduce(masks) if masks else None


def _choose(title: str, name: str, users: Mapping[str, int]) -> str:
    def text(label: str) -> str:
        return ALL if label == ALL else f"{label} ({users[label]:,} users)"

    return choose(st.selectbox, title, name, [ALL, *users], ALL, format_func=text)
