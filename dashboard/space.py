"""How a parameter is drawn: on a logarithmic axis, a plain one, or as words. The study's own search space says so."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

Kind = Literal["log", "linear", "words"]

WIDE_RANGE = 20
"""Positive numbers whose largest is so many times the smallest get a logarithmic axis where no space is known."""


def kinds(spec: Mapping[str, Any], parameters: pd.DataFrame) -> dict[str, Kind]:
    """How each column is drawn, by the space in a study's spec; guessed only where it does not name the parameter."""
    settings = spec.get("settings")
    space = settings.get("space") if isinstance(settings, Mapping) else None
    space = space if isinstance(space, Mapping) else {}
    return {name: _kind(space.get(name), parameters[name]) for name in parameters}


def guessed(column: pd.Series) -> Kind:
    """How a column is drawn if nothing but its values is known."""
    if not pd.api.types.is_numeric_dtype(column):
        return "words"
    present = column.dropna()
    return "log" if len(present) and 0 < present.min() <= present.max() / WIDE_RANGE else "linear"


def words(column: pd.Series) -> pd.Series:
    """Choices as text: whole numbers without a point, nothing where there is none."""
    if pd.api.types.is_numeric_dtype(column):
        return column.map(lambda value: f"{value:g}", na_action="ignore").astype(object)
    return column


def order(column: pd.Series) -> list[str]:
    """The words of a column in the order of an axis: numbers by size, others by letters."""
    present = sorted(column.dropna().unique())
    return [f"{value:g}" if pd.api.types.is_numeric_dtype(column) else str(value) for value in present]


def _kind(parameter: object, column: pd.Series) -> Kind:
    if not isinstance(parameter, Mapping):
        return guessed(column)
    if parameter.get("type") == "categorical" or not pd.api.types.is_numeric_dtype(column):
        return "words"
    # The configuration that the search starts from may lie outside its space, even at 0.
    return "log" if parameter.get("log") and not (column <= 0).any() else "linear"
