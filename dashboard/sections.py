"""Sections of a view, of which only the chosen one is computed and sent."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from dashboard.selection import choose


class Section(NamedTuple):
    """What the button of a section says, and what shows it."""

    title: str
    icon: str
    show: Callable[..., None]


def choose_section(name: str, sections: Mapping[str, Section], offered: Sequence[str]) -> Section:
    """The section that the URL names as `name`, else the first one that is offered."""
    chosen = choose(
        st.segmented_control, "Section", name, offered, offered[0], required=True, label_visibility="collapsed",
        format_func=lambda key: f":material/{sections[key].icon}: {sections[key].title}",
    )  # fmt: skip
    return sections[chosen]
