"""Pieces every view uses: a chart that can be kept as HTML, a table that can be kept as CSV, a sentence for nothing."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.labels import plain


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """A figure over the whole width; the camera in its corner saves a PNG, the button below an interactive page."""
    picture = {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"filename": key, "scale": 2},
    }
    with st.container(gap=None):
        st.plotly_chart(figure, width="stretch", key=f"chart-{key}", config=picture, alt=alt)
        download("HTML", figure.to_html, f"{key}.html", "text/html", f"Keep this chart: {alt}")


def table(frame: pd.DataFrame, key: str, whole: pd.DataFrame | None = None, **settings) -> None:
    """A sortable table over the whole width, with a button that saves it, or the `whole` of it, as CSV."""
    saved = frame if whole is None else whole
    with st.container(gap=None):
        st.dataframe(frame, width="stretch", hide_index=True, placeholder="–", key=f"table-{key}", **settings)
        download("CSV", lambda: saved.to_csv(index=False), f"{key}.csv", "text/csv", "Keep this table")


def number_formats(frame: pd.DataFrame, digits: int) -> dict[str, str]:
    """By column of floats how it is written: with so many digits, and large numbers whole instead of as `1.6e+06`."""
    floats = frame.select_dtypes("float")
    return {name: "%.0f" if floats[name].max() >= 10**digits else f"%.{digits}g" for name in floats}


def download(label: str, make: Callable[[], str], file_name: str, kind: str, help_text: str) -> None:
    """A small button; what it saves is made only when it is pressed."""
    st.download_button(
        label, make, file_name, kind, key=f"save-{file_name}", on_click="ignore", type="tertiary",
        icon=":material/download:", help=help_text,
    )  # fmt: skip


def nothing(text: str, do: str) -> None:
    """What is not there, and what to do about it."""
    st.info(f"{plain(text)} {plain(do)}", icon=":material/info:")
