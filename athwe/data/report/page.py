"""The report as one HTML page: no script, no font, no file beside it; light and dark as the reader has it."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from athwe.data.report.facts import DataReport, Histogram
from athwe.data.report.findings import findings
from athwe.data.report.gaps import BucketUse
from athwe.data.report.sections import Section, sections, yaml_lines
from athwe.data.report.svg import bars
from athwe.data.report.words import day, duration, share, yaml_number

STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --dim: #59636e; --back: #ffffff; --line: #d1d9e0;
  --train: #4269d0; --valid: #c77700; --test: #b3304f; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --dim: #9ba4ae; --back: #16181c; --line: #363c44;
  --train: #86a3f5; --valid: #efb118; --test: #ff8aa5; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 2rem 0 .4rem; font-size: 1.1rem; }
p { margin: .3rem 0; } .dim { color: var(--dim); overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .9rem .15rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
pre { padding: .8rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
figure { margin: 1rem 0; } figcaption { color: var(--dim); } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--dim); font: 11px system-ui, sans-serif; } .grid { stroke: var(--line); }
.mark { stroke: var(--text); stroke-dasharray: 4 3; }
.train { fill: var(--train); } .valid { fill: var(--valid); } .test { fill: var(--test); }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; border-radius: 2px; }
.key.train { background: var(--train); } .key.valid { background: var(--valid); } .key.test { background: var(--test); }
"""
_GAP_TICKS = (1, 60, 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
TICKS = 8
"""Labels of an axis."""


def page(report: DataReport) -> str:
    """All of it. Names and paths are escaped: they come from files."""
    name = escape(report.name)
    looks = "".join(f"<li>{escape(sentence)}</li>" for sentence in findings(report)) or "<li>nothing stands out</li>"
    figures = "".join(
        f"<figure>{chart}<figcaption>{caption}</figcaption></figure>" for chart, caption in _figures(report)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: what is in it</title><style>{STYLE}</style></head><body>"
        f'<h1>{name}</h1><p class="dim">{escape(report.folder)} · {escape(report.protocol)}</p>'
        f"<h2>Worth a look</h2><ul>{looks}</ul>"
        f"<h2>Proposed by the data, for config/{name}.yaml</h2><pre>{escape(chr(10).join(yaml_lines(report)))}</pre>"
        f"<h2>Charts</h2>{figures}{''.join(map(_section, sections(report)))}</body></html>\n"
    )


def _section(section: Section) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in section.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    note = f'<p class="dim">{escape(section.note)}</p>' if section.note else ""
    table = f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    return f"<h2>{escape(section.title)}</h2>{table}{note}"


def _figures(report: DataReport) -> Iterator[tuple[str, str]]:
    """Charts with their captions, both HTML."""
    keys = "".join(f'<span class="key {split}"></span>{split}' for split in report.over_time)
    yield _over_time(report), f"When the targets were:{keys}"
    lengths = report.over_lengths
    tips = [f"{length:.0f} items: {count:,}" for length, count in zip(lengths.edges[:-1], lengths.counts, strict=True)]
    places = range(0, len(tips), max(1, len(tips) // TICKS))
    ticks = {place + 0.5: f"{lengths.edges[place]:.0f}" for place in places}
    caption = f"Training histories by their length in items; longer ones are cut to {report.max_length}"
    yield bars({"train": lengths.counts}, tips, ticks, caption), caption
    caption = "Time gaps before training targets that are longer than 0 s, on a logarithmic axis"
    yield _over_gaps(report.over_gaps, report.buckets.time_scale), caption
    uses = {"configured": report.buckets, "proposed": report.proposed_buckets}
    for what, use in uses.items():
        if use and (what == "configured" or use != report.buckets):
            caption = (
                f"Training gaps by time bucket, {what}: time_scale {yaml_number(use.time_scale)}, time_span "
                f"{use.time_span}. Bucket 0, with {share(use.shortest)} of them, is left out"
            )
            yield _over_buckets(use, caption), caption


def _over_time(report: DataReport) -> str:
    edges = next(iter(report.over_time.values())).edges
    stacked = {split: histogram.counts for split, histogram in report.over_time.items()}
    tips = [
        f"{day(edges[place])} to {day(edges[place + 1])}: "
        + ", ".join(f"{counts[place]:,} {split}" for split, counts in stacked.items())
        for place in range(len(edges) - 1)
    ]
    ticks = {place: day(edges[place]) for place in range(0, len(edges), max(1, len(edges) // TICKS))}
    return bars(stacked, tips, ticks, "Targets over time by split")


def _over_gaps(histogram: Histogram, time_scale: float) -> str:
    edges = np.log(histogram.edges)
    pairs = zip(histogram.edges[:-1], histogram.edges[1:], histogram.counts, strict=True)
    tips = [f"{duration(low)} to {duration(high)}: {count:,}" for low, high, count in pairs]

    def place(seconds: float | int) -> float:
        return float((np.log(seconds) - edges[0]) / (edges[-1] - edges[0]) * len(tips))

    ticks = {place(each): duration(each) for each in _GAP_TICKS if 0 <= place(each) <= len(tips)}
    at = place(time_scale)
    mark = (at, f"time_scale {duration(time_scale)}") if 0 <= at <= len(tips) else None
    return bars({"train": histogram.counts}, tips, ticks, "Time gaps, on a logarithmic axis", mark)


def _over_buckets(use: BucketUse, caption: str) -> str:
    counts: Sequence[int] = use.counts[1:]
    tips = [f"bucket {bucket}: {count:,}" for bucket, count in enumerate(counts, start=1)]
    ticks = {place + 0.5: str(place + 1) for place in range(0, len(counts), max(1, len(counts) // TICKS))}
    return bars({"train": counts}, tips, ticks, caption)
