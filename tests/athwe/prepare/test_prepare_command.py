"""What the command keeps and leaves behind."""

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from raw_files import TITLES, metadata_2018, old_reviews, seconds, write_amazon, write_lines

from athwe.config_files import load_config
from athwe.data.interactions import prepare_interactions
from athwe.data.items import read_items
from athwe.prepare.command import main

ROOT = Path(__file__).resolve().parents[3]


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def counts(folder: Path) -> dict[str, int]:
    return json.loads((folder / "preparation.json").read_text())["counts"]


def test_an_item_of_very_many_categories_can_be_loaded(run, tmp_path):
    names = [f"{number:03}{'x' * 97}" for number in range(300)]
    metadata = write_lines(tmp_path / "meta.json", [json.dumps({"asin": "10", "title": "Pan", "category": names})])
    reviews = write_lines(tmp_path / "reviews.json", old_reviews())
    result = run("amazon", "--reviews", str(reviews), "--metadata", str(metadata), "--core", "2")
    tokens = np.array(["[PAD]", *(row[1] for row in rows(result.folder / "items.tsv"))])
    items = read_items(result.folder, "made", "item_id", tokens).set_index("item_id")
    assert items.loc["10", "categories"].split() == names[:90]


def test_brackets_in_a_path_are_no_markup_and_the_next_command_can_be_pasted(tmp_path, capsys):
    reviews = write_lines(tmp_path / "r[bold].json", old_reviews())
    root, config = tmp_path / "a [red]b", tmp_path / "[/]"
    where = ["--output", str(root), "--config-folder", str(config)]
    assert main(["amazon", "--reviews", str(reviews), "--name", "made", "--core", "2", *where]) == 0
    told = capsys.readouterr().out.splitlines()
    assert any("lines of r[bold].json" in line for line in told)
    assert shlex.split(told[-1].removeprefix("next: ")) == [
        *("python", "run_athwe.py", "--dataset", "made", "--dataset-root", str(root)),
        *("--config", str(config / "made.yaml")),
    ]


def test_a_file_whose_name_is_no_text_is_read_and_named(run, tmp_path):
    reviews = write_lines(tmp_path / os.fsdecode(b"reviews\xff.json"), old_reviews())
    result = run("amazon", "--reviews", str(reviews), "--core", "2")
    assert result.code == 0
    written = json.loads((result.folder / "preparation.json").read_text(encoding="utf-8"))
    assert str(reviews) in written["command"] and written["sources"][0]["file"].endswith("reviews\\udcff.json")


def test_an_existing_data_set_is_refused_before_anything_is_read(run, flags, content, tmp_path):
    assert run(*flags).code == 0
    before = content(tmp_path / "data")
    result = run("amazon", "--reviews", "missing.json")
    assert result.code == 2 and "--overwrite" in result.err and content(tmp_path / "data") == before


def test_an_existing_data_set_is_replaced_where_that_is_asked_for(run, flags, tmp_path):
    run(*flags)
    (tmp_path / "data" / "made" / "txt_emb.pt").touch()
    result = run(*flags, "--overwrite")
    assert result.code == 0 and not (result.folder / "txt_emb.pt").exists()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["made"]


def test_nothing_is_lost_when_the_new_data_set_fails(run, flags, content, tmp_path):
    run(*flags)
    before = content(tmp_path)
    metadata = tmp_path / "raw" / "meta.json.gz"
    whole = metadata.read_bytes()
    metadata.write_bytes(whole[:-10])
    result = run(*flags, "--overwrite")
    assert result.code == 2 and "fetch it again" in result.err
    metadata.write_bytes(whole)
    assert content(tmp_path) == before and [path.name for path in (tmp_path / "data").iterdir()] == ["made"]


def test_the_config_names_what_the_files_were_written_for(run, flags, tmp_path):
    run(*flags)
    written = yaml.safe_load((tmp_path / "config" / "made.yaml").read_text())
    assert written["user_inter_num_interval"] == written["item_inter_num_interval"] == "[2,inf)"
    assert load_config("made", config_root=tmp_path / "config").item_inter_num_interval == "[2,inf)"


def test_an_existing_config_is_used_and_never_written_over(run, flags, tmp_path):
    path = tmp_path / "config" / "made.yaml"
    path.parent.mkdir()
    text = "# tuned\nuser_inter_num_interval: '[1,inf)'\nitem_inter_num_interval: '[1,inf)'\nITEM_ID_FIELD: asin\n"
    path.write_text(text)
    result = run(*flags)
    assert result.code == 2 and "--core 2 differs" in result.err and not result.folder.exists()
    result = run(*flags[: flags.index("--core")])
    assert result.code == 0 and path.read_text() == text
    assert [row[1] for row in rows(result.folder / "items.tsv")] == ["20", "10", "90", "30"]
    assert (result.folder / "made.inter").read_text().startswith("user_id:token\tasin:token\t")
    assert run(*flags[: flags.index("--core")], "--overwrite").code == 0 and path.read_text() == text


def recbole_numbers(lines: list[list[str]], least: int) -> list[str]:
    """Items in RecBole's order: filter until nothing changes, then by first appearance."""
    while True:
        users, items = Counter(row[0] for row in lines), Counter(row[1] for row in lines)
        kept = [row for row in lines if users[row[0]] >= least and items[row[1]] >= least]
        if len(kept) == len(lines):
            return list(dict.fromkeys(row[1] for row in kept))
        lines = kept


@pytest.mark.parametrize(
    "policy",
    [[], ["--duplicates", "last"], ["--duplicates", "first"], ["--same-day", "keep"], ["--without-metadata", "drop"]],
)
def test_recbole_reading_the_folder_gets_the_same_ids(run, tmp_path, policy):
    generator = np.random.default_rng(11)
    columns = ((generator.random(1_500) ** 2 * high).astype(int).tolist() for high in (60, 60, 90))
    lines = [
        json.dumps({"reviewerID": f"u{user}", "asin": f"i{item}", "unixReviewTime": seconds(day)})
        for user, item, day in zip(*columns, strict=True)
    ]
    reviews = write_lines(tmp_path / "reviews.json", lines)
    metadata = write_lines(
        tmp_path / "meta.json", [json.dumps({"asin": f"i{item}", "title": f"T{item}"}) for item in range(30)]
    )
    result = run("amazon", "--reviews", str(reviews), "--metadata", str(metadata), "--core", "9", *policy)
    assert result.code == 0, result.err
    expected = recbole_numbers(rows(result.folder / "made.inter"), 9)
    assert 10 < len(expected) < 60 and [row[1] for row in rows(result.folder / "items.tsv")] == expected
    config = load_config("made", config_root=tmp_path / "config")
    assert prepare_interactions(result.folder / "made.inter", config).item_tokens.tolist() == ["[PAD]", *expected]


def test_everything_odd_is_counted(run, tmp_path):
    reviews = old_reviews()
    zero = json.dumps({"reviewerID": "1", "asin": "10", "unixReviewTime": 0})
    lines = [*reviews[:3], "{broken", reviews[0], zero, *reviews[3:], json.dumps({"asin": "10"})]
    metadata = [*metadata_2018()[:2], metadata_2018()[0], "nothing"]
    paths = write_lines(tmp_path / "reviews.json", lines), write_lines(tmp_path / "meta.json", metadata)
    result = run("amazon", "--reviews", str(paths[0]), "--metadata", str(paths[1]), "--core", "2")
    assert result.code == 0, result.err
    found = counts(result.folder)
    expected = {
        "reviews": 13, "bad_times": 1, "same_day": 1, "duplicates": 1, "interactions": 11, "kept_interactions": 10,
        "kept_users": 3, "kept_items": 3, "items_without_metadata": 1, "metadata_repeats": 1,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    sources = json.loads((result.folder / "preparation.json").read_text())["sources"]
    assert [source["broken_lines"] for source in sources] == [2, 1]
    assert sources[0]["first_broken_line"][0] == 4 and "line 4" in " ".join(result.out.split())


def test_items_without_metadata_stay_or_go_as_told(run, tmp_path):
    reviews = write_lines(tmp_path / "reviews.json", old_reviews())
    metadata = write_lines(tmp_path / "meta.json", [line for line in metadata_2018() if TITLES["10"] not in line])
    flags = [
        "amazon",
        "--reviews",
        str(reviews),
        "--metadata",
        str(metadata),
        "--core",
        "2",
        "--min-category-items",
        "1",
    ]
    stays = run(*flags, name="stays")
    assert [row[1] for row in rows(stays.folder / "items.tsv")] == ["20", "10", "30"]
    goes = run(*flags, "--without-metadata", "drop", name="goes")
    assert [row[1] for row in rows(goes.folder / "items.tsv")] == ["20", "30"]
    assert counts(goes.folder)["items_dropped"] == 1
    assert "10" not in {row[1] for row in rows(goes.folder / "goes.inter")}


def test_frequent_categories_get_columns(run, tmp_path):
    flags = write_amazon(tmp_path / "raw", "2018")
    result = run(*flags, "--core", "2", "--min-category-items", "2")
    assert [row[1] for row in rows(result.folder / "categories.tsv")] == ["Home", "Drama"]
    result = run(*flags, "--core", "2", "--min-category-items", "1", "--max-categories", "3", name="few")
    assert [row[1] for row in rows(result.folder / "categories.tsv")] == ["Home", "Drama", "Comedy"]
    result = run(*flags, "--core", "2", "--min-category-items", "9", name="none")
    assert not (result.folder / "cat.pt").exists()


def test_reviews_alone_are_a_data_set(run, tmp_path):
    result = run("amazon", "--reviews", str(write_lines(tmp_path / "reviews.json", old_reviews())), "--core", "2")
    assert result.code == 0 and {path.name for path in result.folder.iterdir()} == {
        "made.inter",
        "items.tsv",
        "preparation.json",
    }


def test_texts_are_cleaned(run, tmp_path):
    item = {
        "asin": "10",
        "title": "Pan\twith\nlid &amp; <b>more</b>",
        "description": ["long " * 9999],
        "category": ["Cook ware"],
    }
    metadata = write_lines(tmp_path / "meta.json", [json.dumps(item)])
    reviews = write_lines(tmp_path / "reviews.json", old_reviews())
    result = run("amazon", "--reviews", str(reviews), "--metadata", str(metadata), "--core", "2")
    [row] = rows(result.folder / "made.item")
    assert row[:4] == ["10", "Pan with lid & more", "Cook_ware", ""] and len(row[4]) == 1999


def test_plain_preparation_needs_no_encoder(tmp_path):
    script = "import sys, athwe.prepare.command; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
