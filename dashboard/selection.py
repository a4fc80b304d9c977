"""What the user has chosen lives in the URL, and nowhere else.

Before a widget is drawn its value is taken from the URL; a change writes it there. So a view can be sent to a
colleague, and neither a refresh nor a new trial resets anything. Until something is chosen, a default may follow the
search.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.labels import plain

OF_A_STUDY = (
    *("trial", "trials", "lists", "states", "axes", "metrics", "curves", "user", "find"),
    "part",
    *("slices", "contour_x", "contour_y", "pareto_x", "pareto_y", "one", "other"),
    *("split", "finals", "pair", "length", "gap", "popularity", "cold", "category", "beyond"),
)
"""Selections that mean nothing in another study."""

ON = "on"
"""What the URL says of a switch that is on."""

LONGEST_NAME = 200
"""Letters of a name in a link that are looked at; a link can be of any length."""


def choose(widget: Callable, label: str, name: str, options: Sequence, default: Any, **settings: Any) -> Any:
    """One of `options` from a widget such as `st.selectbox`, kept as `name` in the URL."""
    if not options:
        return None
    by_text = {str(option): option for option in options}
    _put(name, by_text.get(st.query_params.get(name, ""), default if default in options else options[0]))
    return widget(label, options, key=name, on_change=_remember, args=(name,), **settings)


def choose_several(label: str, name: str, options: Sequence, default: Sequence, limit: int, **settings: Any) -> list:
    """Some of `options`, at most `limit`, kept as `name` in the URL."""
    by_text = {str(option): option for option in options}
    if name in st.query_params:
        asked = [by_text[text] for text in st.query_params[name].split(",") if text in by_text]
    else:
        asked = [option for option in default if option in options]
    _put(name, asked[:limit])
    settings |= {"key": name, "on_change": _remember, "args": (name,)}
    return st.multiselect(label, options, max_selections=limit, wrap=True, **settings)


def switch(label: str, name: str, **settings: Any) -> bool:
    """A switch, off until turned on, kept as `name=on` in the URL."""
    _put(name, st.query_params.get(name) == ON)
    return st.toggle(label, key=name, on_change=_remember, args=(name,), **settings)


def write(label: str, name: str, **settings: Any) -> str:
    """A line of text, kept as `name` in the URL."""
    _put(name, st.query_params.get(name, "")[:LONGEST_NAME])
    return st.text_input(label, key=name, on_change=_remember, args=(name,), **settings).strip()


def open_study(study_name: str) -> None:
    """Turn to another study and let go of what was chosen in the one before."""
    if study_name != st.query_params.get("study"):
        for name in OF_A_STUDY:
            st.query_params.pop(name, None)
    st.query_params["study"] = study_name


def go(view: str, **chosen: Any) -> None:
    """Show another view with these selections, as a callback."""
    st.query_params.update({"view": view} | {name: str(value) for name, value in chosen.items()})
    st.rerun()  # a button in a fragment would draw that fragment only, and the page stay where it is


def ignored(name: str, options: Sequence) -> None:
    """Say so where a link names something that is not there."""
    asked = st.query_params.get(name)
    if asked and asked not in map(str, options):
        short = asked if len(asked) <= LONGEST_NAME else asked[:LONGEST_NAME] + "…"
        st.warning(f"The link names the {name} “{plain(short)}”, which this store does not hold.")


def _put(name: str, value: Any) -> None:
    if st.session_state.get(name) != value or name not in st.session_state:  # a needless set would disturb typing
        st.session_state[name] = value


def _remember(name: str) -> None:
    value = st.session_state[name]
    if name == "study":
        open_study(value)
        return
    if value is False:
        st.query_params.pop(name, None)
        return
    values = value if isinstance(value, list) else [] if value is None else [ON if value is True else value]
    st.query_params[name] = ",".join(map(str, values))
