"""What an ablation says: a line a part with its paired difference, and the modalities' shares as bars."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tuning.ablation.effects import CONFIDENCE, Effect
from tuning.ablation.findings import Found, Level, Worth
from tuning.ablation.parts import STREAM_TITLES
from tuning.console import counted, say, say_failed
from tuning.driving.progress import number_text
from tuning.finals.finalists import Finalist
from tuning.planning.spec import Spec

_BAR_CELLS = 30


def print_report(
    console: Console, spec: Spec, trial: Finalist, found: Found, failures: Sequence[Mapping[str, Any]]
) -> None:
    """The table of parts, the shares, and failures."""
    if found.full is None:
        say(console, "no run of the whole configuration has come to its end: there is nothing to compare with")
    else:
        title = f"{spec.study}, trial {trial.number}: valid/{found.metric} without each part, {spec.config.protocol}"
        console.print(table(title, found, found.full))
        say(console, _caption(found, len(found.worths)))
    for line in share_lines(found):
        say(console, line)
    say_failed(console, len(failures))


def table(title: str, found: Found, full: Level) -> Table:
    """The whole configuration, then every part."""
    made = Table(title=title, title_justify="left")
    made.add_column("without")
    for name in ("mean ± sd", "seeds", f"difference ({CONFIDENCE:.0%})"):
        made.add_column(name, justify="right")
    made.add_column("the part")
    made.add_column("suffers most")
    made.add_column("gains most")
    made.add_column("parameters saved", justify="right")
    made.add_row("nothing: the whole", _level(full), str(len(full.seeds)), "", "", "", "", f"of {full.parameters:,}")
    for worth in sorted(found.worths, key=lambda one: one.difference.mean):
        made.add_row(
            worth.title, _level(worth.level), str(worth.difference.seeds), _difference(worth.difference), worth.verdict,
            _slice(worth, worth.suffers_most), _slice(worth, worth.gains_most), f"{worth.parameters_saved:,}",
        )  # fmt: skip
    return made


def share_lines(found: Found) -> list[str]:
    """A bar for each modality's share of what the whole has more than Popularity."""
    if not found.shares:
        return []
    whole, least = found.subsets["+".join(found.shares)], found.subsets["none"]
    total = whole - least
    longest = max(abs(one.mean) for one in found.shares.values()) or 1.0
    seeds = next(iter(found.shares.values())).seeds
    lines = [
        f"shares of valid/{found.metric} {number_text(whole)}, of which Popularity has {number_text(least)} "
        f"(Shapley over {len(found.subsets)} subsets, {counted(seeds, 'seed')}):"
    ]
    for part, one in found.shares.items():
        bar = ("█" if one.mean >= 0 else "▒") * round(_BAR_CELLS * abs(one.mean) / longest)
        percent = f"{one.mean / total:.0%}" if total > 0 else "–"
        lines.append(f"  {STREAM_TITLES[part]:<9}{bar:<{_BAR_CELLS}} {_difference(one)}  {percent}")
    return lines


def json_line(
    spec: Spec, trial: Finalist, found: Found, failures: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> str:
    """The one line of `--json`."""
    return json.dumps(
        {
            "study": spec.study,
            "dataset": spec.dataset,
            "trial": trial.number,
            "metric": f"valid/{found.metric}",
            "mask_seen": spec.config.mask_seen,
            "protocol": spec.config.protocol,
            "confidence": CONFIDENCE,
            **facts,
            "full": _plain(found.full),
            "parts": [
                {
                    "part": one.part,
                    **_plain(one.level),
                    "difference": _plain(one.difference),
                    "p_holm": _number(one.p_holm),
                    "verdict": one.verdict,
                    "parameters_saved": one.parameters_saved,
                    "slices": {label: _plain(each) for label, each in one.slices.items()},
                }
                for one in found.worths
            ],
            "shares": {part: _plain(one) for part, one in found.shares.items()},
            "subsets": dict(found.subsets),
            "failures": list(failures),
        }
    )


def _caption(found: Found, parts: int) -> str:
    some = found.worths[0].difference if found.worths else None
    users = f" of {some.users:,} users" if some else ""
    random = _random({one.difference.seeds for one in found.worths})
    return (
        f"difference: without the part less the whole, user by user{users} on the same seeds, with a {CONFIDENCE:.0%} "
        f"interval over {random}; the verdict is Holm's over {parts} parts, a slice's interval stands for itself. "
        "Nothing is tuned again without the part."
    )


def _random(seeds: set[int]) -> str:
    """What the intervals of parts that were compared on so many seeds each take for random."""
    if 1 not in seeds:
        return "users and seeds"
    return (
        "users: of one seed nothing is known of another" if seeds == {1} else "users, and seeds where there are several"
    )


def _level(level: Level) -> str:
    return f"{number_text(level.mean)} ± {number_text(None if level.sd != level.sd else level.sd)}"


def _difference(one: Effect) -> str:
    interval = f" ({one.low:+.4f} … {one.high:+.4f})" if one.low == one.low else ""
    return f"{one.mean:+.4f}{interval}"


def _slice(worth: Worth, label: str | None) -> str:
    if label is None:
        return "none"
    one = worth.slices[label]
    return f"{label} ({one.users:,} users): {_difference(one)}"


def _plain(one: Effect | Level | None) -> dict[str, Any]:
    return {} if one is None else {name: _number(value) for name, value in vars(one).items()}


def _number(value: Any) -> Any:
    return None if value != value else value
