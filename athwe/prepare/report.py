"""What a preparation found and did: a table for people, `preparation.json` beside the data."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from rich.markup import escape
from rich.table import Table

from athwe.prepare.pipeline import Outcome, Settings
from athwe.prepare.policies import Policies
from athwe.prepare.reading import Reader, Tally

FILE_NAME = "preparation.json"


class Line(NamedTuple):
    """One count."""

    key: str
    text: str
    count: int
    note: str = ""


def lines_of(outcome: Outcome, policies: Policies, reader: Reader, images_failed: Mapping[str, str]) -> list[Line]:
    """Every count, in the order of the work."""
    kept, found = outcome.kept, outcome.found
    users, items = len(kept.user_tokens) - 1, len(kept.item_tokens) - 1
    lines = [
        *_lines_read(reader),
        Line("reviews", "reviews", outcome.reviews),
        Line("bad_times", "times of zero, below, or in the future", found.bad_times, policies.bad_times),
        Line("same_day", "same user, item and day again", found.same_day, policies.same_day),
        Line("duplicates", "same user and item again", found.duplicates, policies.duplicates),
        Line("tied", "same user and second as another", found.tied, "in the order of the file"),
        Line("interactions", "interactions written", outcome.interactions),
        Line("kept_interactions", "… left by filtering", len(kept.item)),
        Line("kept_users", "users", users),
        Line("kept_items", "items", items),
        Line("items_without_metadata", "items without metadata", items - len(outcome.items), policies.without_metadata),
        Line("items_dropped", "items dropped for that", outcome.dropped_items),
        Line("metadata_repeats", "metadata of an item again", outcome.metadata_repeats, "the first is kept"),
        Line("categories", "categories", len(outcome.categories), f"of {outcome.all_categories:,} names"),
    ]
    thumbnails = outcome.thumbnails
    if thumbnails:
        lines += [
            Line("images", "images", len(thumbnails.made)),
            Line("images_failed", "images not fetched", len(images_failed), _first(images_failed)),
            Line("images_broken", "broken images", len(thumbnails.broken), _first(thumbnails.broken)),
        ]
    return lines


def table_of(lines: list[Line], title: str) -> Table:
    """The counts that are not zero, for the terminal."""
    table = Table(title=escape(title), title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_column("what was done")
    for line in lines:
        if line.count:
            table.add_row(escape(line.text), f"{line.count:,}", escape(line.note))
    return table


def write_report(
    path: Path, lines: list[Line], reader: Reader, settings: Settings, policies: Policies, arguments: list[str]
) -> None:
    """Write where a data set came from and how."""
    content: dict[str, Any] = {
        "name": settings.name,
        "command": ["python", "-m", "athwe.prepare", *arguments],
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "sources": [
            {
                "file": file.name,
                "size_bytes": opened.size_bytes,
                "sha256": opened.digest(),
                "lines": reader.tallies[file].lines,
                "broken_lines": reader.tallies[file].broken,
                "first_broken_line": reader.tallies[file].first_broken,
            }
            for file, opened in reader.opened.items()
        ],
        "policies": asdict(policies),
        "filters": {
            "user_inter_num_interval": settings.config.user_inter_num_interval,
            "item_inter_num_interval": settings.config.item_inter_num_interval,
        },
        "counts": {line.key: line.count for line in lines if not line.key.startswith("lines of")},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # file names may be bytes that are no UTF-8


def _lines_read(reader: Reader) -> Iterator[Line]:
    for tally in reader.tallies.values():
        name = Path(tally.name).name
        yield Line(f"lines of {tally.name}", f"lines of {name}", tally.lines)
        if tally.broken:
            yield Line(f"lines of {tally.name}, broken", f"… broken, of {name}", tally.broken, _broken(tally))


def _broken(tally: Tally) -> str:
    number, reason = tally.first_broken or (0, "")
    return f"left out; the first is line {number:,}: {reason}"


def _first(problems: Mapping[str, str]) -> str:
    return next((f"the first is {item}'s: {problem}" for item, problem in problems.items()), "")
