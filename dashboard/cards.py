"""Items as HTML: a history as a row of cards, recommendations as lists. Every text in it is escaped here.

Streamlit cleans HTML as well; escaping keeps a title readable and never lets it be markup in the first place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from types import MappingProxyType

import pandas as pd

from dashboard.labels import duration

LONG_GAP_SECONDS = 30 * 86400
"""A gap from here on is drawn as a break in the history."""

_STYLE = """<style>
/* Reversed, so that a long row starts at its newest end; the margin keeps a short one on the left. */
.history { display: flex; flex-direction: row-reverse; align-items: stretch; gap: .3rem; overflow-x: auto;
  padding: .2rem .1rem .8rem; scrollbar-width: thin; }
.history > :first-child { margin-right: auto; }
.card { flex: 0 0 7.2rem; border: 1px solid rgba(128,128,128,.35); border-radius: .55rem; padding: .45rem;
  background: rgba(128,128,128,.06); }
.card.target { border: 2px solid #009E73; }
.gap { flex: 0 0 auto; align-self: center; font-size: .72rem; opacity: .75; text-align: center; min-width: 2.2rem; }
.gap.long { font-weight: 600; opacity: 1; border-left: 3px dashed #E69F00; padding-left: .5rem; margin-left: .3rem; }
.gap span { display: block; font-size: .95rem; line-height: 1; }
.picture { width: 100%; height: 5.4rem; border-radius: .35rem; overflow: hidden; display: flex; align-items: center;
  justify-content: center; background: rgba(128,128,128,.13); font-size: 1.4rem; opacity: .9; }
.picture img { width: 100%; height: 100%; object-fit: contain; }
.title { font-size: .82rem; font-weight: 600; line-height: 1.2; margin-top: .35rem; overflow-wrap: anywhere;
  display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
.note { font-size: .72rem; opacity: .72; line-height: 1.25; overflow-wrap: anywhere; }
.list { display: flex; flex-direction: column; gap: .3rem; }
.row { display: flex; gap: .5rem; align-items: center; border: 1px solid rgba(128,128,128,.28); border-radius: .5rem;
  padding: .3rem .45rem; border-left-width: 4px; min-height: 3.9rem; }
.row.target { border: 2px solid #009E73; border-left-width: 6px; background: rgba(0,158,115,.10); }
.row .rank { flex: 0 0 1.5rem; text-align: right; font-variant-numeric: tabular-nums; opacity: .75; font-size: .85rem; }
.row .picture { flex: 0 0 2.9rem; width: 2.9rem; height: 2.9rem; font-size: .9rem; }
.row .text { flex: 1 1 auto; min-width: 0; }
.row .title { -webkit-line-clamp: 2; margin-top: 0; }
.badge { display: inline-block; font-size: .68rem; font-weight: 600; border-radius: .8rem; padding: .02rem .45rem;
  margin: .1rem .2rem 0 0; border: 1px solid rgba(128,128,128,.55); white-space: nowrap; }
.badge.target { background: #00805e; border-color: #00805e; color: #fff; }
.dot { display: inline-block; width: .55rem; height: .55rem; border-radius: 50%; margin-right: .25rem; }
</style>"""

Picture = Callable[[str], str | None]
"""From an item's image path to a data URL, None where there is none."""


def history(
    item_ids: Sequence[str],
    timestamps: Sequence[int],
    target: str | None,
    items: pd.DataFrame,
    picture: Picture,
    target_gap_seconds: int | None = None,
    linked: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Cards from the oldest to the newest item with the time between them, then the target.

    Args:
        target_gap_seconds: time between the newest item and the target, where it is known.
        linked: as `link` numbers them.
    """
    parts = []
    for place, (item_id, moment) in enumerate(zip(item_ids, timestamps, strict=True)):
        if place:
            parts.append(_gap(moment - timestamps[place - 1]))
        day = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
        parts.append(_card(items.loc[item_id], day, picture, "card" + _link(item_id, linked)))
    if target is not None:
        unknown = '<div class="gap"><span>→</span>next</div>'
        parts.append(unknown if target_gap_seconds is None else _gap(target_gap_seconds))
        kind = "card target" + _link(target, linked)
        parts.append(_card(items.loc[target], '<span class="badge target">target</span>', picture, kind))
    return f'{_STYLE}<div class="history">{"".join(reversed(parts))}</div>'


def recommendations(
    item_ids: Sequence[str],
    scores: Sequence[float],
    target: str,
    seen: set[str],
    elsewhere: Mapping[str, Sequence[tuple[str, int, str]]],
    items: pd.DataFrame,
    picture: Picture,
    linked: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """A ranked list: the target marked, items of the history noted, and where else each item is recommended.

    `elsewhere` gives for an item the (trial, rank, colour) of the other lists that hold it; `linked` is from `link`.
    """
    rows = []
    for rank, (item_id, score) in enumerate(zip(item_ids, scores, strict=True), start=1):
        item = items.loc[item_id]
        badges = ['<span class="badge target">target</span>'] if item_id == target else []
        badges += ['<span class="badge">in the history</span>'] if item_id in seen else []
        badges += [_elsewhere(*place) for place in elsewhere.get(item_id, [])]
        words = f'<div class="text">{_words(item, f"score {score:.3f}")}{"".join(badges)}</div>'
        kind = ("row target" if item_id == target else "row") + _link(item_id, linked)
        rows.append(f'<div class="{kind}"><div class="rank">{rank}</div>{_picture(item, picture)}{words}</div>')
    return f'{_STYLE}<div class="list">{"".join(rows)}</div>'


def link(lists: Iterable[Iterable[str]]) -> dict[str, int]:
    """A number for each item that is in more than one list, by which its places are marked together."""
    places = Counter(item for items in lists for item in dict.fromkeys(items))
    return {item: number for number, item in enumerate(item for item, count in places.items() if count > 1)}


def link_style(linked: Mapping[str, int]) -> str:
    """Under the pointer, an item is marked wherever else it is on the page; without a script."""
    rules = (
        f".stApp:has(.same-{n}:hover) .same-{n} {{ outline: 3px solid #E69F00; outline-offset: -1px; }}"
        for n in linked.values()
    )
    return f"<style>{' '.join(rules)}</style>"


def _link(item_id: str, linked: Mapping[str, int]) -> str:
    return f" same-{linked[item_id]}" if item_id in linked else ""


def _elsewhere(trial: str, rank: int, colour: str) -> str:
    dot = f'<span class="dot" style="background:{colour}"></span>'
    return f'<span class="badge" title="trial {escape(trial)}, rank {rank}">{dot}{escape(trial)}: {rank}</span>'


def _card(item: pd.Series, note_html: str, picture: Picture, kind: str) -> str:
    return f'<div class="{kind}">{_picture(item, picture)}{_words(item)}<div class="note">{note_html}</div></div>'


def _words(item: pd.Series, note: str = "") -> str:
    title = escape(str(item["title"]))
    notes = escape(" · ".join([*map(str, item["categories"][:3]), *([note] if note else [])]))
    return f'<div class="title" title="{title}">{title}</div><div class="note">{notes}</div>'


def _picture(item: pd.Series, picture: Picture) -> str:
    url = picture(item["image"]) if item["image"] else None
    inner = f'<img src="{escape(url)}" alt="">' if url else escape(str(item["title"])[:1].upper())
    return f'<div class="picture">{inner}</div>'


def _gap(seconds: int) -> str:
    kind = "gap long" if seconds >= LONG_GAP_SECONDS else "gap"
    return f'<div class="{kind}"><span>→</span>{duration(seconds)}</div>'
