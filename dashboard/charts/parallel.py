"""All parameters of many trials beside each other: an axis a parameter, a line a trial."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dashboard.charts.figure import SCALE, colours_of, finish
from dashboard.charts.slices import log_ticks
from dashboard.space import Kind, order, words

MAX_LINES = 500
"""Trials that are drawn as lines: more hide each other."""
BINS = 12
"""Colours of the lines, which are a drawn path each however many lines have it."""
_WORST_SHARE = 0.05
"""Of the trials, which have the worst colour together: a trial that went astray would take the scale for itself."""
_HEIGHT = 440
_AXIS = "rgba(128,128,128,0.6)"


def lines(
    parameters: pd.DataFrame, trials: pd.DataFrame, kinds: Mapping[str, Kind], label: str, direction: str
) -> go.Figure:
    """Lines in BINS colours by value, the best on top. A line is broken at a parameter that its trial does not have.

    Parameters that never vary say nothing and are left out. All axes are as high as the chart, so that the tip of
    the mouse and not the scale says a line's values.

    Args:
        parameters, trials: the same rows, each with a value.
        label: what the value is.
    """
    axes = [*axes_of(parameters, kinds), axis("value", trials["value"], "linear")]
    heights = np.column_stack([_heights(one) for one in axes])
    texts = np.column_stack([one["words"] for one in axes])
    colours = sample_colorscale(list(SCALE), np.linspace(0, 1, BINS).tolist())
    found = bins(trials["value"], direction)
    figure = go.Figure()
    for place in range(BINS):
        mine = np.flatnonzero(found == place)
        if len(mine):
            numbers, values = (trials[name].to_numpy()[mine] for name in ("number", "value"))
            figure.add_trace(_bin(heights[mine], texts[mine], numbers, values, colours[place], place))
    _draw_axes(figure, axes)
    _draw_scale(figure, trials["value"], label, direction)
    return finish(figure, _HEIGHT, margin={"l": 50, "r": 10, "t": 100, "b": 20})


def bins(values: pd.Series, direction: str) -> np.ndarray:
    """The colour of each value, the last one for the best; steps of equal width."""
    low, high = limits(values, direction)
    worst, best = (high, low) if direction == "minimize" else (low, high)
    share = (values.to_numpy(float) - worst) / ((best - worst) or 1.0)
    return np.clip(share * BINS, 0, BINS - 1).astype(int)


def limits(values: pd.Series, direction: str) -> tuple[float, float]:
    """Lowest and highest value that have a colour of their own."""
    if direction == "minimize":
        return values.min(), values.quantile(1 - _WORST_SHARE)
    return values.quantile(_WORST_SHARE), values.max()


def _bin(
    heights: np.ndarray, texts: np.ndarray, numbers: np.ndarray, values: np.ndarray, colour: str, place: int
) -> go.Scatter:
    """All lines of a colour as one path with gaps between them."""
    count, axes = heights.shape
    along = np.tile([*range(axes), axes - 1], count)
    details = np.repeat(np.column_stack([numbers, values]), axes + 1, axis=0)
    share = place / (BINS - 1)
    return go.Scatter(
        x=along, y=np.column_stack([heights, np.full(count, np.nan)]).ravel(), mode="lines", connectgaps=False,
        line={"color": colour, "width": 1 + share}, opacity=0.3 + 0.6 * share, showlegend=False,
        text=np.column_stack([texts, np.full(count, "")]).ravel(), customdata=details,
        hovertemplate="trial %{customdata[0]}: %{customdata[1]:.5f}<br>%{x}: %{text}<extra></extra>",
    )  # fmt: skip


def _heights(one: dict) -> np.ndarray:
    low, high = one["range"]
    return (np.asarray(one["values"], float) - low) / (high - low)


def _draw_axes(figure: go.Figure, axes: Sequence[dict]) -> None:
    """An upright line an axis with its name above; the ticks are text with a shadow, so that lines do not hide it."""
    for place in range(len(axes)):
        figure.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, line={"color": _AXIS, "width": 1})
    ticks = [
        (place, (tick - one["range"][0]) / (one["range"][1] - one["range"][0]), text)
        for place, one in enumerate(axes)
        for tick, text in zip(one["tickvals"], one["ticktext"], strict=True)
    ]
    x, y, text = zip(*ticks, strict=True)
    figure.add_scatter(
        x=x, y=y, text=[f" {word} " for word in text], mode="markers+text", textposition="middle left",
        textfont={"size": 11, "shadow": "auto", "weight": 600}, showlegend=False, cliponaxis=False, hoverinfo="skip",
        marker={"symbol": "line-ew", "size": 7, "line": {"width": 1, "color": _AXIS}},
    )  # fmt: skip
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(
        side="top", tickvals=list(range(len(axes))), ticktext=[one["label"] for one in axes], tickangle=-18,
        tickfont={"size": 12}, range=[-0.15, len(axes) - 0.85], **plain,
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-0.04, 1.04], **plain)
    figure.update_layout(hovermode="closest", dragmode=False)


def _draw_scale(figure: go.Figure, values: pd.Series, label: str, direction: str) -> None:
    """The scale of colours, on a mark that is not seen."""
    low, high = limits(values, direction)
    bar = {"title": {"text": label, "side": "right"}, "thickness": 12}
    shade = {"color": [low], "cmin": low, "cmax": high, "colorscale": colours_of(direction), "colorbar": bar}
    figure.add_scatter(
        x=[0], y=[0], mode="markers", marker=shade | {"size": 0.1, "opacity": 0}, hoverinfo="skip", showlegend=False
    )


def filtered_by_dragging(
    parameters: pd.DataFrame, values: pd.Series, kinds: Mapping[str, Kind], label: str, direction: str
) -> go.Figure:
    """The same with Plotly's own parallel coordinates, which show what is marked on their axes. Needs WebGL."""
    axes = [*axes_of(parameters, kinds), {"label": "value", "values": values}]
    known = ("label", "values", "tickvals", "ticktext")
    figure = go.Figure(
        go.Parcoords(
            dimensions=[{name: one[name] for name in known if name in one} for one in axes],
            labelangle=-18, labelside="top", labelfont={"size": 12}, tickfont={"size": 11},
            line={"color": values, "colorscale": colours_of(direction), "showscale": True,
                  "colorbar": {"title": label}},
        )
    )  # fmt: skip
    figure.update_traces(line_colorbar={"title": {"side": "right"}, "thickness": 12})
    return finish(figure, _HEIGHT, margin={"l": 90, "r": 70, "t": 100, "b": 30})


def axes_of(parameters: pd.DataFrame, kinds: Mapping[str, Kind]) -> list[dict]:
    """An axis a parameter that varies."""
    return [axis(name, parameters[name], kinds[name]) for name in parameters if parameters[name].nunique() > 1]


def axis(name: str, column: pd.Series, kind: Kind) -> dict:
    """An axis: its label, its values as numbers and in words, its range, and ticks."""
    if kind == "words":
        choices = order(column)
        places = words(column).map({word: place for place, word in enumerate(choices)}).astype(float)
        ticks, texts = list(range(len(choices))), choices
        said = words(column).fillna("")
    else:
        values = column.astype(float)
        present = values.dropna()
        said = values.map("{:.5g}".format)
        numbers = log_ticks(present.min(), present.max()) if kind == "log" else _ticks(present)
        places, ticks = (np.log10(values), np.log10(numbers).tolist()) if kind == "log" else (values, numbers)
        texts = [f"{number:.5g}" for number in numbers]
    low, high = places.min(), places.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    title = f"{name} (log)" if kind == "log" else name
    return {
        "label": title, "values": places, "words": said.to_numpy(str), "range": (low, high), "tickvals": ticks,
        "ticktext": texts,
    }  # fmt: skip


def _ticks(present: pd.Series) -> list[float]:
    """Few whole numbers themselves, of others round ones."""
    if present.nunique() <= 8 and (present % 1 == 0).all():
        return sorted(present.unique().tolist())
    return round_numbers(present.min(), present.max())


def round_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within a range, five or so; the end where there is no range.

    >>> round_numbers(0.03, 0.41)
    [0.1, 0.2, 0.3, 0.4]
    """
    if low == high:
        return [low]
    exact = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(exact))
    step = next(power * digit for digit in (1, 2, 5, 10) if exact <= power * digit * 1.0001)
    return [float(f"{step * count:.12g}") for count in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
