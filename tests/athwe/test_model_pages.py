"""The pages of the models say what the configuration holds."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from athwe.config_files import default_config_root, published_config, read_yaml
from athwe.model.registry import MODELS
from athwe.model_keys import COUNTED, MODEL_KEYS, MODEL_NAMES

PAGES = Path(__file__).resolve().parents[2] / "docs" / "models"


def rows(page: str) -> dict[str, list[str]]:
    """Cells of the tables of keys, by key."""
    lines = [line.strip("| \n").split(" | ") for line in (PAGES / page).read_text().splitlines()]
    return {line[0].strip("`"): line[1:] for line in lines if re.fullmatch(r"`\w+`", line[0]) and len(line) > 2}


def value(text: str) -> Any:
    found = yaml.safe_load(text)
    return float(found) if isinstance(found, str) and re.fullmatch(r"[\d.]+e[+-]\d+", found) else found


def searched(text: str) -> dict[str, Any]:
    """`0.1 to 1, log` as the bounds and scale of a parameter, `0, 0.1` as its choices."""
    if " to " not in text:
        return {"choices": [value(choice) for choice in text.split(", ")]}
    bounds, _, rest = text.partition(", ")
    low, high = map(value, bounds.split(" to "))
    scale = {"log": True} if rest == "log" else {"step": value(rest.removeprefix("step "))} if rest else {}
    return {"low": low, "high": high} | scale


@pytest.mark.parametrize("model", [name for name in MODEL_NAMES if name not in COUNTED])
def test_keys_defaults_and_searched_ranges_are_those_of_the_files(model):
    page, config = rows(f"{model.lower()}.md"), published_config(model)
    of_all = {key for key in rows("README.md") if key not in MODEL_NAMES}
    space = read_yaml(default_config_root() / "search" / f"{model.lower()}.yaml")["space"]
    assert of_all < MODEL_KEYS[model] | {"model"}
    assert page.keys() == (MODEL_KEYS[model] - of_all - {"model"}) | space.keys()
    for key, (default, ranges, *_) in page.items():
        actual = getattr(config, key)
        assert value(default) == (list(actual) if isinstance(actual, tuple) else actual), key
        assert bool(ranges) == (key in space), key
        if ranges:
            assert searched(ranges) == {name: what for name, what in space[key].items() if name != "type"}, key


def test_keys_of_every_model_have_their_defaults():
    config = published_config("ATHWE")
    for key, (default, *_) in rows("README.md").items():
        assert key in MODEL_NAMES or value(default) == getattr(config, key), key


def test_every_class_and_page_is_where_the_list_says():
    text = (PAGES / "README.md").read_text()
    for name, kind in MODELS.items():
        assert f"`{name}`" in text and f"`{kind.__module__}.{kind.__name__}`" in text
    for page in re.findall(r"\]\((\w+\.md)\)", text):
        assert (PAGES / page).is_file()
