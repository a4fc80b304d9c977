"""Bar charts as inline SVG, coloured by the page's CSS variables."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 200
LEFT, BOTTOM, TOP = 56, 24, 12
"""Room for the numbers at the axes."""
GAP = 0.12
"""Of a bar's place, left free."""


def bars(
    stacked: Mapping[str, Sequence[int]],
    tips: Sequence[str],
    ticks: Mapping[float, str] | Mapping[int, str],
    description: str,
    mark: tuple[float, str] | None = None,
) -> str:
    """Bars over an even axis, one place a count.

    Args:
        stacked: counts by CSS class, the first at the bottom; all as many.
        tips: what the pointer is told of each bar.
        ticks: labels of the axis by their place, in bars from the left edge.
        description: read out instead of the picture.
        mark: a vertical line at a place, with its label.
    """
    count = len(tips)
    step = (WIDTH - LEFT) / count
    totals = [sum(each) for each in zip(*stacked.values(), strict=True)]
    top = max([1, *totals])
    parts = [_grid(top), *_ticks(ticks, step)]
    below = [0] * count
    for name, counts in stacked.items():
        for place, value in enumerate(counts):
            if value:
                y, height = _y(below[place] + value, top), _y(below[place], top) - _y(below[place] + value, top)
                x = LEFT + (place + GAP / 2) * step
                parts.append(
                    f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{step * (1 - GAP):.2f}" '
                    f'height="{max(height, 0.8):.1f}"><title>{escape(tips[place])}</title></rect>'
                )
            below[place] += value
    if mark:
        x = LEFT + mark[0] * step
        anchor = "end" if mark[0] > count / 2 else "start"
        away = -4 if anchor == "end" else 4
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x + away:.1f}" y="{TOP + 8}" text-anchor="{anchor}">{escape(mark[1])}</text>')
    label = escape(description, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _y(value: int, top: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top


def _grid(top: int) -> str:
    lines = ""
    for value in sorted({0, top // 2, top}):
        y = _y(value, top)
        lines += f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        lines += f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'
    return lines


def _ticks(ticks: Mapping[float, str] | Mapping[int, str], step: float) -> list[str]:
    """Labels below the axis; one that would touch the one before it, or stick out, is left out or moved."""
    found, free_from = [], 0.0
    for place, label in ticks.items():
        half = 3.3 * len(label)
        x = min(LEFT + place * step, WIDTH - half)
        if x - half >= free_from:
            found.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>')
            free_from = x + half + 8
    return found
