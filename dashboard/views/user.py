"""Users: which results to look at, which users, what they gained or lost, and one of them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from dashboard import data, results, sources
from dashboard.files import UnreadableFile
from dashboard.labels import plain
from dashboard.selection import choose, choose_several, write
from dashboard.sources import TEST, VALID, Source, users_of
from dashboard.views import user_gains, user_page, user_slices
from dashboard.widgets import nothing

MAX_LISTS = 4
MAX_OFFERED_USERS = 200
LENGTHS = (5, 10, 20, 50)
SPLITS = {VALID: "validation (trials)", TEST: "test (finalists)"}


def show(url: str, study_name: str) -> None:
    """The whole view. It does not draw itself again: what a user is recommended changes once an epoch at most."""
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    try:
        _view(url, study, trials)
    except UnreadableFile as error:
        st.warning(plain(error))


def _view(url: str, study: dict, trials: pd.DataFrame) -> None:
    looks = data.final_looks(url, study["study_name"], bool(study["mask_seen"]))
    finalists = sources.of_finalists(study, trials, looks)
    split = _choose_split(url, study) if finalists else VALID
    chosen = _choose_finalists(finalists) if split == TEST else _choose_trials(study, trials)
    if not chosen:
        return
    users = users_of(chosen[0])
    mask = user_slices.choose_users(study, users)
    if mask is not None and not mask.any():
        nothing("No user is in all of the chosen slices.", "Choose “all” in one of them.")
        return
    if len(chosen) > 1:
        user_gains.show(study, split, chosen, users, mask)
    finder, amount = st.columns([3, 1], gap="medium", vertical_alignment="bottom")
    with finder:
        user = _find_user(chosen[0].path, users, mask)
    with amount:
        length = choose(st.segmented_control, "Length of the lists", "k", LENGTHS, 10, required=True)
    if user:
        user_page.show(study, split, chosen, user, length)


def _choose_split(url: str, study: dict) -> str:
    options = [VALID, TEST]
    split = choose(st.segmented_control, "Results", "split", options, VALID, required=True, format_func=SPLITS.get)
    if split == TEST:
        looks = data.test_looks(url, study["study_name"])
        st.warning(
            f"Test split: this study has looked at it {looks} time{'s' * (looks != 1)}. Each look makes the next one "
            "worth less; nothing should be chosen by what is seen here.",
            icon=":material/visibility:",
        )
    return split


def _choose_finalists(finalists: dict[int | str, Source]) -> list[Source]:
    keys, first = list(finalists), sources.first_runs(finalists)
    chosen = choose_several("Finalists", "finals", keys, first, MAX_LISTS, format_func=lambda key: finalists[key].name)
    if not chosen:
        nothing("No finalist is chosen.", "Choose up to four runs to see what they recommend.")
    return sources.coloured([finalists[key] for key in chosen])


def _choose_trials(study: dict, trials: pd.DataFrame) -> list[Source]:
    written = sources.of_trials(study, trials)
    if not written:
        nothing(
            "No trial of this study has recommendations yet.",
            f"A search writes them to {study['storage_path']}/recommendations as trials finish; "
            "look there if the study was copied from another machine.",
        )
        return []
    numbers = list(written)
    rows = trials[trials["number"].isin(numbers)]
    best = data.best_trials(rows, study["direction"], 2) or numbers[:2]
    chosen = choose_several("Trials", "lists", numbers, best, MAX_LISTS, format_func=lambda n: f"trial {n}")
    if not chosen:
        nothing("No trial is chosen.", "Choose up to four to see what they recommend.")
    return sources.coloured([written[number] for number in chosen])


def _find_user(path: str, users: pa.Table, mask: np.ndarray | None) -> str | None:
    tokens = users.column("user") if mask is None else users.column("user").filter(pa.array(mask))

    def is_there(name: str) -> bool:  # the file may hold more users than are listed
        return pc.index(tokens, name).as_py() >= 0 or (mask is None and results.user_row(path, name) is not None)

    typed, listed = st.columns(2)
    with typed:
        part = write("Find a user", "find", placeholder="a part of the id", icon=":material/search:")
    matching = matching_users(tokens, part)
    if part and part not in matching and is_there(part):
        matching = [part, *matching]
    asked = st.query_params.get("user", "")
    with listed:
        if not part and asked and asked not in matching and is_there(asked):
            matching = [asked, *matching]
        user = choose(st.selectbox, "User", "user", matching, part)
    if asked and mask is not None and not is_there(asked):
        st.caption(f"User {plain(asked)} is not within the chosen slices.")
    if not matching:
        where = "" if mask is None else " within the chosen slices"
        nothing(f"No user has “{part}” in its id{where}.", "Only users with a held-out target have recommendations.")
    return user


def matching_users(tokens, part: str) -> list[str]:
    """The first users that have `part` in their id, itself first where it is one."""
    found = tokens.filter(pc.match_substring(tokens, part)) if part else tokens
    names = found.slice(0, MAX_OFFERED_USERS).to_pylist()
    return sorted(names, key=lambda name: name != part)
