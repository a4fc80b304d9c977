"""`python -m athwe.data`: what is in a data set."""

import dataclasses
import doctest
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import pywt
import torch
import yaml
from data_files import KEEP_ALL, write_features, write_interactions

from athwe.config import Config
from athwe.config_files import build_config
from athwe.data.__main__ import main
from athwe.data.report import gaps, inspect, levels, words
from athwe.data.report.findings import findings
from athwe.data.report.inspection import spread
from athwe.data.report.page import page
from athwe.data.report.sections import sections, yaml_lines
from athwe.model.time_gaps import gap_buckets
from tests.conftest import TINY

HOUR, DAY = 3600, 86_400
LOG = [  # gaps of a: 0, an hour, a day, a day; gaps of b: a day each
    *(("a", item, time) for item, time in zip("xyzxw", (0, 0, HOUR, HOUR + DAY, HOUR + 2 * DAY), strict=True)),
    *(("b", item, 10 * DAY + step * DAY) for step, item in enumerate("yzwx")),
    ("b", "x", 13 * DAY),  # the same once more
    ("c", "w", 20 * DAY),
]


@pytest.fixture
def report(folder, load):
    write_interactions(folder, LOG)
    write_features(folder)[0, 2] = 0
    tensor = torch.load(folder / "txt_emb.pt")
    tensor[4] = 0
    torch.save(tensor, folder / "txt_emb.pt")
    (folder / "tiny.item").write_text("item_id:token\ttitle:token\nx\tA title\n")
    config = Config(**KEEP_ALL, time_scale=DAY, time_span=10, MAX_ITEM_LIST_LENGTH=3)
    return inspect(load(MAX_ITEM_LIST_LENGTH=3), config, folder / "tiny.inter")


@pytest.mark.parametrize("module", [gaps, levels, words])
def test_examples_in_docstrings_hold(module):
    failed, tried = doctest.testmod(module, extraglobs={"np": np})
    assert (failed, tried > 0) == (0, True)


def test_counts(report):
    assert tuple(report.in_file) == tuple(report.kept) == (11, 3, 4)
    assert report.sparsity == pytest.approx(1 - 11 / 12)
    assert report.targets == {"train": 2 + 2, "valid": 2, "test": 2}
    assert (report.duplicates, report.repeats) == (1, pytest.approx(2 / 11))
    assert report.interactions_of_users["max"] == 5 and report.interactions_of_users["min"] == 1
    assert report.time_step_seconds == HOUR


def test_what_targets_have_before_them(report):
    assert report.history_lengths["test"] == spread(np.array([4, 4]))
    assert report.cut_histories == {"train": 0, "valid": 0, "test": 1}
    assert report.targets_in_history == {"train": 0, "valid": 0.5, "test": 0.5}
    assert report.unseen_targets == {"train": 0, "valid": 0, "test": 0}
    assert report.equal_times == pytest.approx(2 / 8)
    # trained on at 0, an hour, 11 and 12 days; tested at 2 days and an hour and at 13 days: median 7.5 days
    assert report.after_test == (0.5, 0.5, 0.25)


def test_coverage_is_by_item_and_by_use(report):
    found = {one.name: (one.width, one.items, one.interactions) for one in report.coverage}
    assert found["txt"] == (3, 0.75, pytest.approx(8 / 11)), "w, taken three times, has none"
    assert found["title"] == (None, 0.25, pytest.approx(4 / 11)) and found["thumbnail"][1] == 0


def test_training_gaps_fall_into_the_buckets_of_the_model(report):
    assert report.buckets.counts == (2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0), "0 s, an hour; twice a day: 10 (1 - 1/e) = 6.3"
    assert (report.buckets.used, report.buckets.effective) == (2, pytest.approx(2))
    assert (report.buckets.shortest, report.buckets.saturated) == (0.5, 0)
    assert report.saturated_in_validation[0] == 0 and len(report.saturated_in_validation) == 2


def test_a_proposal_that_cannot_tell_the_gaps_that_are_asked_about_is_warned_of(report):
    warned = dataclasses.replace(report, saturated_in_validation=(0.0, 0.9))
    assert len(findings(warned)) == len(findings(dataclasses.replace(report, saturated_in_validation=(0.0, 0.1)))) + 1
    assert "90 % of the gaps before validation targets" in "\n".join(findings(warned))


def test_buckets_are_those_of_the_model():
    gap_seconds = np.unique(np.geomspace(1, 1e10, 5000).astype(np.int64))
    for span, scale in ((200, 15e6), (20, 1e5), (100, 150.0)):
        theirs = gap_buckets(torch.from_numpy(gap_seconds), span, scale).numpy()
        assert (gaps.bucket_of(gap_seconds, span, scale) != theirs).mean() < 0.001, "but for the last bit of float32"


def test_the_filter_is_as_long_as_pywavelets_says():
    assert pywt.Wavelet("db4").dec_len == levels.FILTER_TAPS
    for one in levels.levels(np.array([1])):
        assert pywt.dwt_max_level(one.needed_items, "db4") == one.level
        assert pywt.dwt_max_level(one.needed_items - 1, "db4") == one.level - 1


def test_the_proposal_spreads_gaps_better_than_its_neighbours():
    gap_seconds = np.random.default_rng(1).exponential(50_000, 40_000).astype(np.int64)
    proposed = gaps.propose(gap_seconds)
    assert proposed and 30_000 <= proposed.time_scale <= 70_000, "an exponential's own scale fills buckets evenly"
    assert proposed.effective > 0.95 * proposed.time_span
    for scale in (proposed.time_scale / 3, proposed.time_scale * 3):
        assert gaps.bucket_use(gap_seconds, proposed.time_span, scale).effective < proposed.effective


def test_few_gaps_get_few_buckets_and_none_no_proposal():
    few = gaps.propose(np.arange(1, 300))
    assert few and few.time_span == 25
    weeks = gaps.propose(np.repeat(np.arange(1, 5) * 7 * DAY, 10_000))
    assert weeks and weeks.time_span == 25 and weeks.used == 4, "four gaps need no more"
    assert gaps.propose(np.zeros(5, np.int64)) is None


def test_levels_that_few_histories_reach_are_not_proposed():
    lengths = np.repeat([5, 20, 40], [60, 30, 10])
    assert [round(one.histories, 2) for one in levels.levels(lengths)[:3]] == [0.4, 0.1, 0]
    assert levels.propose_levels(levels.levels(lengths)) == 2
    assert levels.propose_levels(levels.levels(np.array([3]))) == 1


def test_findings_say_what_is_odd_and_nothing_else(report):
    text = "\n".join(findings(report))
    expected = (
        "1 interactions repeat",
        "leaks time: 50 %",
        "50 % of the test targets were in their history",
        "25 % of the items, with 27 % of the interactions, have no txt",
        "only 2 users",
        "wavelet_J 4",
    )
    for words_ in expected:
        assert words_ in text
    assert "last time bucket" not in text and "filtering drops" not in text
    assert all("\n" not in sentence for sentence in findings(report))


def test_the_proposal_can_be_pasted(report):
    text = "\n".join(yaml_lines(report))
    config = build_config(yaml.safe_load(text))
    assert {key: getattr(config, key) for key in report.proposed} == report.proposed
    assert "time_span: 25 # now 10" in text


def test_by_time_nothing_leaks_and_the_cuts_are_named(folder, load):
    write_interactions(folder, [(user, item, time) for user in "ab" for time, item in enumerate("xyzwxyzw")])
    cuts = {"split": "time", "valid_from": 0.5, "test_from": 0.75}
    report = inspect(load(**cuts), Config(**KEEP_ALL, **cuts), folder / "tiny.inter")
    assert report.after_test == (0, 0, 0) and not any("leaks" in each for each in findings(report))
    assert report.cut and any("valid from 1970-01-01 00:00:04" in section.note for section in sections(report))


def test_times_that_are_all_the_same_are_reported_not_refused(folder, load):
    write_interactions(folder, [(user, item, 7) for user in "ab" for item in "xyzw"])
    report = inspect(load(), Config(**KEEP_ALL), folder / "tiny.inter")
    assert report.proposed == {"wavelet_J": 1} and report.time_step_seconds == 0
    assert "no training gap is longer than 0 s" in "\n".join(findings(report))
    assert Reader(page(report)).tags


class Reader(HTMLParser):
    """Tags with their attributes; sees that all that opens closes."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_escapes_what_comes_from_files(report):
    hostile = '<script>alert(1)</script>"&'
    text = page(dataclasses.replace(report, folder=hostile, name=hostile))
    names = [tag for tag, _ in Reader(text).tags]
    assert "script" not in names and "link" not in names and names.count("svg") == 5
    assert not re.search(r"https?://|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text and "&lt;script&gt;" in text
    for section in sections(report):
        assert f"<h2>{section.title}</h2>" in text


@pytest.fixture
def run(tiny_root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    def run_command(*arguments):
        code = main(["tiny", "--dataset-root", str(tiny_root), "--config", "tiny.yaml", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


def test_the_command_prints_all_sections_and_the_lines_to_paste(run, tmp_path):
    code, out, _ = run("--html", "report.html")
    assert code == 0
    for words_ in ("Worth a look", "Interactions", "Time buckets", "Wavelet levels", "time_scale: ", "100 %"):
        assert words_ in out
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_json_has_all_numbers(run, tiny_dataset):
    code, out, _ = run("--json", "--set", "split=time")
    found = json.loads(out)
    assert code == 0 and found["kept"]["interactions"] == len(tiny_dataset.item)
    assert found["protocol"].startswith("split time") and sum(found["buckets"]["counts"]) == found["targets"]["train"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--html", "/dev/null/report.html"), "cannot write --html"),
        (("--set", "time_spam=3"), "did you mean 'time_span'"),
        (("--htm", "x"), "unrecognized arguments"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, arguments, message):
    code, _, err = run(*arguments)
    assert code == 2 and message in err and err.count("\n") == 1


def test_an_unknown_data_set_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["nothing"]) == 2
    assert "no data set 'nothing'" in capsys.readouterr().err
