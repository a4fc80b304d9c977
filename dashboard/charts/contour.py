"""Value over two parameters: a surface where there are trials enough to tell, the trials themselves on top."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import colours_of, dots, finish, scatter
from dashboard.charts.slices import axis, symbols
from dashboard.space import Kind, order, words
from tuning import schema

FEWEST_POINTS = 12
"""Different places from which on a surface is drawn: fewer would show the interpolation and not the search."""
MAX_DOTS = 600
"""Trials that have a dot, where not all are asked for; the surface is of all."""
_STEPS = 48
_REACH = 0.3
"""Scott's rule for points that are spread evenly over an axis of length 1: so far a point speaks, over n^(1/6)."""
_FAR = float(np.exp(-2))
"""Less than the weight of one trial two reaches away: nothing is known there."""


@dataclass(frozen=True)
class Parameter:
    """One of the two: its values by trial, and how its axis is drawn."""

    name: str
    values: pd.Series
    kind: Kind

    @property
    def ticks(self) -> list[str] | np.ndarray:
        """Where the surface is computed along this axis: every word, or even steps of the axis."""
        if self.kind == "words":
            return order(self.values)
        places = self._places()
        steps = np.linspace(places.min(), places.max(), _STEPS)
        return 10**steps if self.kind == "log" else steps

    def _places(self) -> np.ndarray:
        values = self.values.to_numpy(float)
        return np.log10(values) if self.kind == "log" else values

    def weights(self, reach: float) -> np.ndarray:
        """How much each trial says at each tick: a row a tick. One word says nothing of another."""
        if self.kind == "words":
            return (np.array(self.ticks)[:, None] == words(self.values).to_numpy()[None]).astype(float)
        places = self._places()
        steps = np.linspace(places.min(), places.max(), _STEPS)
        width = (places.max() - places.min()) or 1.0
        return np.exp(-0.5 * ((steps[:, None] - places[None]) / (width * reach)) ** 2)


def surface(x: Parameter, y: Parameter, values: pd.Series) -> np.ndarray | None:
    """Mean value around each pair of ticks, a row a tick of `y`; NaN where no trial is near.

    None where the trials are at fewer than FEWEST_POINTS places.
    """
    places = pd.DataFrame({"x": x.values, "y": y.values}).drop_duplicates()
    if len(places) < FEWEST_POINTS:
        return None
    reach = _REACH / len(places) ** (1 / 6)
    along_x, along_y = x.weights(reach), y.weights(reach)
    said = along_y @ along_x.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (along_y * values.to_numpy(float)) @ along_x.T / said
    return np.where(said >= _FAR, mean, np.nan)


def contour(
    parameters: pd.DataFrame,
    trials: pd.DataFrame,
    kinds: dict[str, Kind],
    label: str,
    direction: str,
    shown: pd.Index | None = None,
) -> tuple[go.Figure, bool]:
    """The first two columns of `parameters` against the value, and whether there is a surface.

    The surface is of COMPLETE trials alone: the value of a pruned one is that of an early epoch. It has its dot.

    Args:
        shown: which trials have a dot, all by default. The surface is of all.
    """
    known = trials["value"].notna() & parameters.notna().all(axis=1)
    parameters, trials = parameters[known], trials[known]
    x_name, y_name = parameters.columns[:2]
    complete = trials["state"] == schema.COMPLETE
    x, y = (Parameter(name, parameters[name][complete], kinds[name]) for name in (x_name, y_name))
    grid = surface(x, y, trials["value"][complete])
    figure = go.Figure()
    # One scale for both, told twice: a colour axis that a contour shares with dots makes Plotly hang.
    # It spans what most complete trials reach, or the low values of pruned ones would take all of it.
    low, high = trials["value"][complete if complete.any() else known[known].index].quantile([0.05, 0.95])
    scale = colours_of(direction)
    if grid is not None:
        about = f"{x_name} %{{x}}<br>{y_name} %{{y}}<br>about %{{z:.5f}}<extra></extra>"
        has_words = "words" in (x.kind, y.kind)  # there is nothing between two words
        look = {"hovertemplate": about, "zmin": low, "zmax": high, "colorscale": scale, "showscale": False}
        surface_of = go.Heatmap if has_words else go.Contour
        figure.add_trace(surface_of(x=x.ticks, y=y.ticks, z=grid, opacity=0.75, **look))
        figure.update_traces(ncontours=16, line_width=0.5, selector={"type": "contour"})
    bar = {"title": {"text": label, "side": "right"}, "thickness": 12}
    shade = {"cmin": low, "cmax": high, "colorscale": scale, "colorbar": bar, "showscale": True}
    shown = trials.index if shown is None else trials.index.intersection(shown)
    _dots(figure, parameters.loc[shown], trials.loc[shown], kinds, shade)
    for update, name in ((figure.update_xaxes, x_name), (figure.update_yaxes, y_name)):
        update(title=name, **axis(parameters[name], kinds[name]))
    return finish(figure, 560), grid is not None


def _dots(figure: go.Figure, parameters: pd.DataFrame, trials: pd.DataFrame, kinds: dict, shade: dict) -> None:
    names = parameters.columns[:2]
    x, y = (words(parameters[name]) if kinds[name] == "words" else parameters[name] for name in names)
    outline = {"width": 1, "color": "#38424d"}
    about = (
        f"trial %{{customdata[0]}}<br>{names[0]} %{{x}}<br>{names[1]} %{{y}}<br>%{{customdata[1]:.5f}}<extra></extra>"
    )
    marker = shade | {"color": trials["value"], "symbol": symbols(trials), "line": outline} | dots(len(trials), 8)
    figure.add_trace(
        scatter(len(trials))(
            x=x, y=y, mode="markers", customdata=trials[["number", "value"]], hovertemplate=about, marker=marker,
            showlegend=False,
        )
    )  # fmt: skip
