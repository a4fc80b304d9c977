"""How good the trials are, and for whom, in sections of which only the chosen one is computed."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.files import UnreadableFile
from dashboard.labels import MAX_CHOSEN, plain
from dashboard.sections import Section, choose_section
from dashboard.selection import choose_several
from dashboard.views import (
    evaluation_ablation,
    evaluation_beyond,
    evaluation_cutoffs,
    evaluation_slices,
    evaluation_ties,
)
from dashboard.widgets import nothing

Show = Callable[[str, dict, pd.DataFrame], None]


def show(url: str, study_name: str) -> None:
    """The whole view, drawn again by itself while the search runs."""
    every = data.study_refresh_seconds(url, study_name)
    st.fragment(run_every=every)(_view)(url, study_name)


def _view(url: str, study_name: str) -> None:
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    if trials["best_epoch"].isna().all():
        nothing("No trial of this study has been evaluated yet.", "The first validated epoch shows up here.")
        return
    try:
        choose_section("aspect", _SECTIONS, list(_SECTIONS)).show(url, study, trials)
    except UnreadableFile as error:
        st.warning(plain(error))


def _of_chosen(section: Show) -> Show:
    """A section of chosen trials, with the choice above it."""

    def show(url: str, study: dict, trials: pd.DataFrame) -> None:
        with_best = trials[trials["best_epoch"].notna()]
        options, best = with_best["number"].tolist(), data.best_trials(with_best, study["direction"], 4)
        chosen = choose_several("Trials", "trials", options, best, MAX_CHOSEN, format_func=lambda n: f"trial {n}")
        if chosen:
            section(url, study, data.with_numbers(with_best, chosen))
        else:
            nothing("No trial is chosen.", "Choose some to see their metrics.")

    return show


_SECTIONS = {
    "cutoffs": Section("Cutoffs", "format_list_numbered", _of_chosen(evaluation_cutoffs.show)),
    "slices": Section("Slices of users", "groups", _of_chosen(evaluation_slices.show)),
    "beyond": Section("Beyond accuracy", "diversity_2", _of_chosen(evaluation_beyond.show)),
    "ties": Section("Ties", "balance", evaluation_ties.show),
    "ablation": Section("What earns its place", "extension", evaluation_ablation.show),
}
