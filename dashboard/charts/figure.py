"""What all charts share: size, legend, colours of a scale."""

import pandas as pd
import plotly.graph_objects as go

SCALE = ("#2F6DB5", "#8FA9BF", "#F0A202")
"""From low to high: blue to amber, readable on white and on black and without telling red from green."""

HEIGHT = 360

MANY_POINTS = 2500
"""Dots of a chart from which on WebGL draws them; where there is no graphics card, SVG is the faster one below."""

FIXED_MARGIN = {"l": 72, "r": 10, "t": 56, "b": 52}
"""Around charts that `finish_once` finishes; room for a legend, or for names of panels, and for those of the axes."""


def finish(figure: go.Figure, height: int = HEIGHT, margin: dict | None = None) -> go.Figure:
    """Give a figure its height in pixels, margins and a legend above it."""
    figure.update_layout(
        height=height,
        margin=margin or {"l": 10, "r": 10, "t": 50, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        uirevision="keep",  # zoom and hidden lines outlive a refresh
    )
    return figure


def finish_once(figure: go.Figure, height: int = HEIGHT, top: int = FIXED_MARGIN["t"]) -> go.Figure:
    """`finish` for many marks or panels: where margins follow the axes, Plotly measures all and draws it once more."""
    figure.update_xaxes(automargin=False)
    figure.update_yaxes(automargin=False)
    return finish(figure, height, FIXED_MARGIN | {"t": top})


def interval(middle: pd.Series, low: pd.Series, high: pd.Series, colour: str) -> dict:
    """The arms of values along the x axis that have an interval each."""
    return {
        "type": "data",
        "symmetric": False,
        "array": high - middle,
        "arrayminus": middle - low,
        "thickness": 1.5,
        "width": 4,
        "color": colour,
    }


def scatter(points: int) -> type[go.Scatter | go.Scattergl]:
    """Dots as SVG where they are few, by WebGL where a browser would stutter at so many."""
    return go.Scattergl if points > MANY_POINTS else go.Scatter


def dots(trials: int, size: int) -> dict:
    """Size and opacity of dots: smaller where many would cover each other."""
    return {"size": size} if trials <= 300 else {"size": max(4, size - 3), "opacity": 0.75}


def colours_of(direction: str) -> list[str]:
    """A scale whose end is the better side."""
    return list(SCALE if direction == "maximize" else SCALE[::-1])
