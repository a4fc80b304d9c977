"""The trials of a study beside each other, in sections of which only the chosen one is computed."""

from collections.abc import Callable

import streamlit as st

from dashboard import data
from dashboard.selection import choose
from dashboard.views import compare_difference, compare_pareto, compare_pruner, compare_space, compare_trials
from dashboard.widgets import nothing

Section = Callable[[str, dict], None]

_SECTIONS: dict[str, tuple[str, Section]] = {
    "overview": ("table_chart", compare_trials.overview),
    "curves": ("show_chart", compare_trials.learning_curves),
    "parameters": ("tune", compare_space.parameters),
    "slices": ("scatter_plot", compare_space.slices),
    "contour": ("landscape", compare_space.contour),
    "pareto": ("balance", compare_pareto.show),
    "pruner": ("content_cut", compare_pruner.show),
    "difference": ("difference", compare_difference.show),
}


def show(url: str, study_name: str) -> None:
    """The whole view, drawn again by itself while the search runs."""
    every = data.study_refresh_seconds(url, study_name)
    st.fragment(run_every=every)(_view)(url, study_name, every)


def _view(url: str, study_name: str, every: float | None) -> None:
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    if data.refresh_seconds(study, len(trials)) != every:  # it grew, or ended: set the clock anew
        st.rerun(scope="app")
    if trials.empty:
        nothing("This study has no trials yet.", "They appear here as the search starts them.")
        return
    several = len(data.objectives(url, study_name)) > 1
    sections = [name for name in _SECTIONS if several or name != "pareto"]
    section = choose(
        st.segmented_control, "Section", "section", sections, "overview", required=True, label_visibility="collapsed",
        format_func=lambda name: f":material/{_SECTIONS[name][0]}: {name.capitalize()}",
    )  # fmt: skip
    _SECTIONS[section][1](url, study)
