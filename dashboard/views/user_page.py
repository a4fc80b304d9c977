"""One user: the history on its time axis, what each result recommends, and how the lists compare."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import cards, data, images, results
from dashboard.beyond import sentence
from dashboard.charts import user as charts
from dashboard.labels import plain, seen_mode
from dashboard.overlap import PERSISTENCE, divergence, rank_biased_overlap, shares
from dashboard.sources import TEST, Source, value_label
from dashboard.widgets import chart, download, nothing

MAX_HISTORY_CARDS = 50
LAST_BEFORE_TEST = " The last item before it was the validation target."
MAX_HISTORY = 1000
"""Latest items of the history that the time axis and the categories are made of."""


def show(study: dict, split: str, chosen: Sequence[Source], user: str, length: int) -> None:
    """All of the user's page."""
    rows = {source.name: results.user_row(source.path, user) for source in chosen}
    found = {name: row for name, row in rows.items() if row}
    if not found:
        nothing(f"The chosen results hold nothing for user {user}.", "Choose another user or another trial.")
        return
    first = next(iter(found.values()))
    history = results.user_row(results.histories_path(study), user)
    past, when = past_of(history, first["history_end"])
    lists = {name: row["items"][:length] for name, row in found.items()}
    needed = [*past, *(row["target"] for row in found.values()), *(item for names in lists.values() for item in names)]
    items = results.items(results.items_path(study), tuple(needed))
    picture = partial(images.thumbnail, study["dataset_folder"])
    linked = cards.link([past[-MAX_HISTORY_CARDS:], *lists.values()])

    st.subheader(f"History of user {plain(user)}", anchor=False)
    st.html(cards.link_style(linked))
    if history is None:
        nothing("The history of this user is not there.", f"Its search writes it to {results.histories_path(study)}.")
    else:
        gap = target_gap(first, history)
        note = "" if split != TEST or data.is_split_by_time(study["spec"]) else LAST_BEFORE_TEST
        _history(split, past, when, first["target"], gap, items, picture, linked, first["history_end"], note)
    st.subheader(f"Top {length}", anchor=False)
    _lists(study, split, chosen, rows, length, set(past), items, picture, linked)
    _compared(chosen, lists, past, items)


def past_of(history: dict | None, end: int) -> tuple[list[str], list[int]]:
    """Items and times of the MAX_HISTORY latest interactions before the target."""
    if history is None:
        return [], []
    start = max(0, end - MAX_HISTORY)
    return history["items"][start:end], history["timestamps"][start:end]


def target_gap(row: dict, history: dict) -> int | None:
    """Seconds from the last item to the target, None where neither file tells: the histories end before test."""
    if "last_gap_seconds" in row:
        return row["last_gap_seconds"]
    end, times = row["history_end"], history["timestamps"]
    return times[end] - times[end - 1] if 0 < end < len(times) else None


def _history(split, past, when, target, gap, items, picture, linked, count, note) -> None:
    latest = len(past) - MAX_HISTORY_CARDS
    more = f", the latest {MAX_HISTORY_CARDS} of them shown" if latest > 0 else ""
    last = "test target that the finalists" if split == TEST else "validation target that the trials"
    st.caption(f"{count} items{more}, oldest on the left, then the {last} had to guess.{note}")
    shown, times = past[max(0, latest) :], when[max(0, latest) :]
    st.html(cards.history(shown, times, target, items, picture, gap, linked))
    if when:
        titles = items["title"].reindex([*past, target]).tolist()
        target_time = None if gap is None else when[-1] + gap
        axis = charts.time_axis(when, titles, target_time, cards.LONG_GAP_SECONDS)
        chart(axis, "time-axis", "When each item of the history came, and the target")


def _lists(study, split, chosen, rows, length, seen, items, picture, linked) -> None:
    label, mode = value_label(study, split), seen_mode(study["mask_seen"])
    which = "test" if split == TEST else "validation"
    st.caption(
        f"Ranks of the {which} split, {mode}. A badge such as ● 7: 2 says that trial 7 has the item at rank 2; "
        "an item under the pointer is framed wherever else it is."
    )
    for column, source in zip(st.columns(len(rows), gap="medium"), chosen, strict=True):
        row = rows[source.name]
        with column:
            st.html(
                f'<div style="border-top:4px solid {source.colour};padding-top:.3rem">'
                f'<b style="font-size:1.05rem">{source.name}</b></div>'
            )
            if row is None:
                nothing("There is nothing for this user here.", "It was evaluated on other users.")
                continue
            value = "–" if source.value is None or pd.isna(source.value) else f"{source.value:.5f}"
            st.caption(f"{plain(label)}: {value}")
            st.markdown(target_sentence(row["target_rank"], length))
            if measures := results.list_measures(source.path):
                st.caption(plain(sentence(row, measures["cutoff"])))
            others = elsewhere([(other, rows[other.name]) for other in chosen if other is not source], length)
            names, scores = row["items"][:length], row["scores"][:length]
            st.html(cards.recommendations(names, scores, row["target"], seen, others, items, picture, linked))
            csv = partial(_as_csv, row, items.copy(), length)
            download("CSV", csv, f"user-{source.key}.csv", "text/csv", f"Keep what {source.name} recommends")


def target_sentence(rank: int, length: int) -> str:
    """Where the target is, also where it lies below the end of the list."""
    place = "" if rank <= length else f", below these {length}"
    return f"Target at rank **{rank:,}**{place}"


def elsewhere(others: Sequence[tuple[Source, dict | None]], length: int) -> dict[str, list[tuple[str, int, str]]]:
    """For each item of other lists the (trial, rank, colour) it has there."""
    found: dict[str, list[tuple[str, int, str]]] = {}
    for source, row in others:
        for rank, item in enumerate(row["items"][:length] if row else [], start=1):
            found.setdefault(item, []).append((source.short, rank, source.colour))
    return found


def _compared(chosen: Sequence[Source], lists: dict[str, list[str]], past: list[str], items: pd.DataFrame) -> None:
    left, right = st.columns(2, gap="medium")
    if len(lists) > 1:
        with left:
            st.subheader("What the lists have in common", anchor=False)
            figure = charts.overlap_matrix(*overlaps(lists))
            chart(figure, "overlap", "Rank-biased overlap of the lists")
            st.caption(
                f"Rank-biased overlap (p = {PERSISTENCE}, extrapolated) of the lists as they are shown: 1 is the same "
                "items in the same order, 0 none in common; the first ranks count most."
            )
    mixtures = {"history": shares(items["categories"].reindex(past).tolist())}
    mixtures |= {name: shares(items["categories"].reindex(names).tolist()) for name, names in lists.items()}
    with right if len(lists) > 1 else left:
        st.subheader("Categories", anchor=False)
        if not any(mixtures.values()):
            nothing("These items have no categories.", "A data set's items file may name them: dataset/README.md.")
            return
        colours = {"history": charts.HISTORY} | {source.name: source.colour for source in chosen}
        bars = charts.category_bars(charts.category_shares(mixtures), colours)
        chart(bars, "categories", "Categories of the history and of each list")
        st.caption(plain(departure_sentence(mixtures)))


def overlaps(lists: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rank-biased overlap of each pair of lists, and how many items they have in common."""
    names = list(lists)
    overlap = [[rank_biased_overlap(lists[one], lists[other]) for other in names] for one in names]
    common = [[len(set(lists[one]) & set(lists[other])) for other in names] for one in names]
    return pd.DataFrame(overlap, names, names), pd.DataFrame(common, names, names)


def departure_sentence(mixtures: dict[str, dict[str, float]]) -> str:
    """How far each list's categories are from those of the history."""
    past = mixtures["history"]
    if not past:
        return "The items of the history have no categories to compare with."
    parts = [f"{name} {divergence(past, mix):.2f}" for name, mix in mixtures.items() if name != "history" and mix]
    return f"Jensen-Shannon divergence from the history (0 alike, 1 nothing in common): {'; '.join(parts)}."


def _as_csv(row: dict, items: pd.DataFrame, length: int) -> str:
    names = row["items"][:length]
    frame = pd.DataFrame({"rank": range(1, len(names) + 1), "item_id": names, "score": row["scores"][: len(names)]})
    frame["title"] = items["title"].reindex(names).to_numpy()
    frame["target"] = frame["item_id"] == row["target"]
    return frame.to_csv(index=False)
