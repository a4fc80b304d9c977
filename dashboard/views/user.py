"""One user: the history, and what two to four trials recommend, side by side."""

from functools import partial

import pandas as pd
import pyarrow.compute as pc
import streamlit as st

from dashboard import cards, data, images, results
from dashboard.files import UnreadableFile
from dashboard.labels import metric_label, plain, seen_mode, trial_colours
from dashboard.selection import choose, choose_several, write
from dashboard.widgets import download, nothing

MAX_LISTS = 4
MAX_OFFERED_USERS = 200
MAX_HISTORY_CARDS = 50
LENGTHS = (5, 10, 20, 50)


def show(url: str, study_name: str) -> None:
    """The whole view. It does not draw itself again: what a user is recommended changes once an epoch at most."""
    study, trials = data.study(url, study_name), data.trials(url, study_name)
    try:
        _view(study, trials)
    except UnreadableFile as error:
        st.warning(plain(error))


def _view(study: dict, trials: pd.DataFrame) -> None:
    written = trials[trials["trial_id"].isin(results.recommended_trials(study["storage_path"]))]
    if written.empty:
        nothing(
            "No trial of this study has recommendations yet.",
            f"A search writes them to {study['storage_path']}/recommendations as trials finish; "
            "look there if the study was copied from another machine.",
        )
        return
    best = data.best_trials(written, study["direction"], 2) or written["number"].head(2).tolist()
    picker, finder, amount = st.columns([3, 4, 2], gap="medium")
    with picker:
        numbers = written["number"].tolist()
        chosen = choose_several("Trials", "lists", numbers, best, MAX_LISTS, format_func=lambda n: f"trial {n}")
    if not chosen:
        nothing("No trial is chosen.", "Choose up to four to see what they recommend.")
        return
    chosen_rows = data.with_numbers(written, chosen)
    paths = {number: results.recommendations_path(study, name) for number, name in chosen_rows["trial_id"].items()}
    with finder:
        user = _find_user(paths[chosen[0]])
    with amount:
        length = choose(st.segmented_control, "Length of the lists", "k", LENGTHS, 10, required=True)
    if user:
        rows = {number: results.user_row(path, user) for number, path in paths.items()}
        _user(study, chosen_rows, user, rows, length)


def _find_user(path: str) -> str | None:
    tokens = results.users(path)
    if tokens is None:
        raise UnreadableFile(f"{path} is gone: reload the page")
    typed, listed = st.columns(2)
    with typed:
        part = write("Find a user", "find", placeholder="a part of the id", icon=":material/search:")
    matching = matching_users(tokens, part)
    if part and part not in matching and results.user_row(path, part):  # beyond the users that are listed
        matching = [part, *matching]
    with listed:
        asked = st.query_params.get("user", "")
        if not part and asked and asked not in matching and results.user_row(path, asked):
            matching = [asked, *matching]
        user = choose(st.selectbox, "User", "user", matching, part)
    if not matching:
        nothing(f"No user has “{part}” in its id.", "Only users with a validation target have recommendations.")
    return user


def matching_users(tokens, part: str) -> list[str]:
    """The first users that have `part` in their id, itself first where it is one."""
    found = tokens.filter(pc.match_substring(tokens, part)) if part else tokens
    names = found.slice(0, MAX_OFFERED_USERS).to_pylist()
    return sorted(names, key=lambda name: name != part)


def _user(study: dict, trials: pd.DataFrame, user: str, rows: dict[int, dict | None], length: int) -> None:
    found = {number: row for number, row in rows.items() if row}
    if not found:
        nothing(f"The chosen trials recommend nothing to user {user}.", "Choose another user or another trial.")
        return
    first = next(iter(found.values()))
    history = results.user_row(results.histories_path(study), user)
    past = (history or {"items": []})["items"][: first["history_end"]]
    when = (history or {"timestamps": []})["timestamps"][: first["history_end"]]
    needed = [*past, *(row["target"] for row in found.values())]
    needed += [item for row in found.values() for item in row["items"][:length]]
    items = results.items(results.items_path(study), tuple(needed))
    picture = partial(images.thumbnail, study["dataset_folder"])

    st.subheader(f"History of user {plain(user)}", anchor=False)
    if history is None:
        nothing("The history of this user is not there.", f"Its search writes it to {results.histories_path(study)}.")
    else:
        latest = len(past) - MAX_HISTORY_CARDS
        more = f", the latest {MAX_HISTORY_CARDS} of them shown" if latest > 0 else ""
        st.caption(
            f"{len(past)} items{more}, oldest on the left, then the validation target that the trials had to guess."
        )
        past, when = past[max(0, latest) :], when[max(0, latest) :]
        st.html(cards.history(past, when, first["target"], items, picture))
    st.subheader(f"Top {length}", anchor=False)
    _lists(study, trials, user, rows, length, set(past), items, picture)


def _lists(study, trials, user, rows, length, seen, items, picture) -> None:
    colours = trial_colours(rows)
    label = metric_label(study["objective"], study["mask_seen"])
    mode = seen_mode(study["mask_seen"])
    st.caption(
        f"Ranks of the validation split, {mode}. A badge such as ● 7: 2 says that trial 7 has the item at rank 2."
    )
    values = trials.set_index("number")["value"]
    for column, (number, row) in zip(st.columns(len(rows), gap="medium"), rows.items(), strict=True):
        with column:
            st.html(
                f'<div style="border-top:4px solid {colours[number]};padding-top:.3rem">'
                f'<b style="font-size:1.05rem">trial {number}</b></div>'
            )
            if row is None:
                nothing("This trial recommends nothing to this user.", "It was evaluated on other users.")
                continue
            st.caption(f"{plain(label)}: {values[number]:.5f}")
            st.markdown(target_sentence(row["target_rank"], length))
            others = elsewhere({n: r for n, r in rows.items() if r and n != number}, length, colours)
            st.html(
                cards.recommendations(
                    row["items"][:length], row["scores"][:length], row["target"], seen, others, items, picture
                )
            )
            csv = partial(_as_csv, row, items.copy(), length)
            download("CSV", csv, f"user-{number}.csv", "text/csv", f"Keep what trial {number} recommends to {user}")


def target_sentence(rank: int, length: int) -> str:
    """Where the target is, also where it lies below the end of the list."""
    place = "" if rank <= length else f", below these {length}"
    return f"Target at rank **{rank:,}**{place}"


def elsewhere(rows: dict[int, dict], length: int, colours: dict[int, str]) -> dict[str, list[tuple[int, int, str]]]:
    """For each item of other lists the (trial number, rank, colour) it has there."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for number, row in rows.items():
        for rank, item in enumerate(row["items"][:length], start=1):
            found.setdefault(item, []).append((number, rank, colours[number]))
    return found


def _as_csv(row: dict, items: pd.DataFrame, length: int) -> str:
    names = row["items"][:length]
    frame = pd.DataFrame({"rank": range(1, len(names) + 1), "item_id": names, "score": row["scores"][: len(names)]})
    frame["title"] = items["title"].reindex(names).to_numpy()
    frame["target"] = frame["item_id"] == row["target"]
    return frame.to_csv(index=False)
