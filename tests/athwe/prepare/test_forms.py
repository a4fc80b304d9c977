"""Every raw form becomes the same data set."""

import json

import pytest
import torch
from raw_files import FORMS, GENRES, REVIEWS, TITLES, TOKENS, latin, seconds

from athwe.config_files import load_config
from athwe.data import load_dataset
from athwe.data.interactions import prepare_interactions


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


@pytest.fixture
def made(form, run, tmp_path):
    write, argument = FORMS[form]
    result = run(*write(tmp_path / "raw", argument), "--core", "2", "--min-category-items", "1")
    assert result.code == 0, result.err
    return result


def table(path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_interactions_are_those_of_the_source_in_its_order(made):
    header, *rows = table(made.folder / "made.inter")
    assert header == ["user_id:token", "item_id:token", "timestamp:float"]
    assert rows == [[user, item, str(seconds(day))] for user, item, day in REVIEWS]


def test_items_are_numbered_as_the_filtered_file_has_them(made, tmp_path):
    rows = table(made.folder / "items.tsv")[1:]
    assert rows == [[str(number), token] for number, token in enumerate(TOKENS, start=1)]
    config = load_config("made", config_root=tmp_path / "config")
    kept = prepare_interactions(made.folder / "made.inter", config)
    assert kept.item_tokens.tolist() == ["[PAD]", *TOKENS]


def test_the_data_set_loads_with_its_titles_and_categories(made, form, tmp_path):
    dataset = load_dataset("made", tmp_path / "data", load_config("made", config_root=tmp_path / "config"))
    written = latin if form.startswith(("movielens 100k", "movielens 1m")) else str
    expected = [written(TITLES[token]) for token in TOKENS]
    assert dataset.items["title"].tolist() == expected
    home = ["Home"] if form.startswith("amazon") else []
    assert dataset.item_categories() == [[*home, *GENRES[token]] for token in TOKENS]
    names = [name for _, name in table(made.folder / "categories.tsv")[1:]]
    assert dataset.attributes is not None
    for row, token in zip(dataset.attributes[1:], TOKENS, strict=True):
        assert {name for name, hot in zip(names, row, strict=True) if hot} == {*home, *GENRES[token]}


def test_the_report_names_its_sources(made):
    report = json.loads((made.folder / "preparation.json").read_text())
    assert report["counts"]["reviews"] == len(REVIEWS) and report["counts"]["kept_items"] == len(TOKENS)
    assert all(len(source["sha256"]) == 64 and source["broken_lines"] == 0 for source in report["sources"])
    assert [source["lines"] for source in report["sources"]] in ([11, 4], [12, 5])


def test_categories_are_written_as_small_whole_numbers_with_an_empty_first_row(made):
    hot = torch.load(made.folder / "cat.pt", weights_only=True)
    assert hot.dtype == torch.uint8 and len(hot) == len(TOKENS) + 1 and not hot[0].any()
