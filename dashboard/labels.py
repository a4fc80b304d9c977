"""Words and colours the views share: names of metrics, times, states, and one colour a trial everywhere."""

import re
from collections.abc import Iterable

from tuning import schema

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#7F7F7F")
"""Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow that white swallows."""

MAX_CHOSEN = len(PALETTE)
"""Trials that can be drawn together, each in its own colour."""

STATE_COLOURS = {
    "COMPLETE": "#0072B2",
    "PRUNED": "#E69F00",
    "FAIL": "#D55E00",
    "RUNNING": "#009E73",
    "WAITING": "#7F7F7F",
}
STATE_SYMBOLS = {
    "COMPLETE": "circle",
    "PRUNED": "x",
    "FAIL": "triangle-down",
    "RUNNING": "circle-open",
    "WAITING": "circle-open-dot",
}

COSTS = {schema.TRAIN_SECONDS: "seconds of training", schema.PARAMETERS: "model parameters"}
"""Objectives that are no metric."""

_UNITS = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def metric_label(key: str, mask_seen: bool) -> str:
    """`valid/ndcg@10` as "ndcg@10 · valid · seen items kept": no number is shown without its split and mode."""
    split, _, name = key.partition("/")
    ranks = "@" in name or "rank" in name  # a loss knows no mode
    return " · ".join([name, split, seen_mode(mask_seen)] if ranks else [name, split])


def objective_label(name: str, mask_seen: bool) -> str:
    """An objective in words, be it a metric or a cost."""
    return COSTS.get(name) or metric_label(name, mask_seen)


def seen_mode(mask_seen: bool) -> str:
    """Whether items of the history may be recommended again."""
    return "seen items removed" if mask_seen else "seen items kept"


def duration(seconds: float | None) -> str:
    """A time span in its two largest units: 93784 is "1 d 2 h"; "–" where there is none."""
    if seconds is None or seconds != seconds:
        return "–"
    for place, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            if place + 1 < len(_UNITS) and (smaller := rest // _UNITS[place + 1][1]):
                return f"{whole} {unit} {smaller} {_UNITS[place + 1][0]}"
            return f"{whole} {unit}"
    return "0 s"


def trial_colours(numbers: Iterable[int]) -> dict[int, str]:
    """A colour for each chosen trial: its number picks one, the next free one where that is taken."""
    colours: dict[int, str] = {}
    for number in sorted(set(numbers))[:MAX_CHOSEN]:
        places = (PALETTE[(number + step) % len(PALETTE)] for step in range(len(PALETTE)))
        colours[number] = next(colour for colour in places if colour not in colours.values())
    return colours


def plain(text: object) -> str:
    """Text from a store or a data set, so that Streamlit's Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!<>|~$:&^=])", r"\\\1", " ".join(str(text).split()))
