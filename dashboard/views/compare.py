"""The trials of a study beside each other, in sections of which only the chosen one is computed."""

import streamlit as st

from dashboard import data
from dashboard.sections import Section, choose_section
from dashboard.views import compare_difference, compare_pareto, compare_pruner, compare_space, compare_trials
from dashboard.widgets import nothing

_SECTIONS = {
    "overview": Section("Overview", "table_chart", compare_trials.overview),
    "curves": Section("Curves", "show_chart", compare_trials.learning_curves),
    "parameters": Section("Parameters", "tune", compare_space.parameters),
    "slices": Section("Slices", "scatter_plot", compare_space.slices),
    "contour": Section("Contour", "landscape", compare_space.contour),
    "pareto": Section("Pareto", "balance", compare_pareto.show),
    "pruner": Section("Pruner", "content_cut", compare_pruner.show),
    "difference": Section("Difference", "difference", compare_difference.show),
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
    offered = [name for name in _SECTIONS if several or name != "pareto"]
    choose_section("section", _SECTIONS, offered).show(url, study)
