import multiprocessing
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from athwe.config import Config
from athwe.data import build_catalogue, load_dataset
from athwe.data.demo import DEMO, write_demo
from athwe.data.synthetic import DAY, Behaviour, draw_latents, draw_log


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def dataset(root):
    return load_dataset(DEMO, root)


@pytest.fixture(scope="module")
def hidden():
    generator = np.random.default_rng(3)
    latents = draw_latents(Behaviour(), generator)
    return latents, draw_log(Behaviour(), latents, generator)


def test_it_is_generated_where_it_is_not_there(root, dataset):
    assert dataset.folder == str(root / DEMO)
    assert dataset.modalities == ("item", "txt", "img")
    assert (dataset.n_users - 1, dataset.n_items - 1, len(dataset.item)) == (600, 400, 9_202)


def test_it_is_always_the_same(tmp_path, dataset):
    assert load_dataset(DEMO, tmp_path).fingerprint == dataset.fingerprint


def test_a_second_use_reads_what_is_there(root, dataset):
    before = (root / DEMO / "demo.inter").stat().st_mtime_ns
    load_dataset(DEMO, root)
    assert (root / DEMO / "demo.inter").stat().st_mtime_ns == before


def test_processes_that_start_at_once_make_one(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(write_demo, [tmp_path / DEMO] * 4)
    assert [path.name for path in tmp_path.iterdir()] == [DEMO]
    assert load_dataset(DEMO, tmp_path).n_users == 601


def test_something_else_in_its_place_is_left_alone(tmp_path):
    (tmp_path / DEMO).mkdir()
    (tmp_path / DEMO / "mine.txt").write_text("keep")
    with pytest.raises(OSError, match="not empty"):
        write_demo(tmp_path / DEMO)
    assert [path.name for path in tmp_path.rglob("*")] == [DEMO, "mine.txt"]


def test_filtering_keeps_everything_and_users_have_histories(dataset):
    count = np.diff(dataset.user_offset)[1:]
    assert (count.min() >= 8, count.max() <= 25) == (True, True)
    lines = Path(dataset.folder, "demo.inter").read_text(encoding="utf-8").count("\n")
    assert lines == len(dataset.item) + 1


def test_items_are_shown_with_different_titles_categories_and_thumbnails(dataset):
    assert dataset.items["title"].nunique() == 400
    assert all(re.fullmatch(r"\S+( \S+)* [A-Z][\w ()-]+", title) for title in dataset.items["title"])
    assert dataset.items["categories"].str.split().str[0].nunique() == 4
    sizes = {Image.open(f"{dataset.folder}/{path}").size for path in dataset.items["image"]}
    assert sizes == {(112, 112)}


def test_features_tell_the_clusters_that_the_categories_do_not(dataset):
    labels = build_catalogue(dataset, Config(n_clusters=8, cluster_components=8)).clusters
    shared = torch.bincount(labels["txt"][1:] * 8 + labels["img"][1:], minlength=64)
    assert shared.max() < 20  # theme and style are independent: no pair holds much more than 400 / 64 items
    assert torch.bincount(labels["txt"][1:]).max() < 400 / 3


def test_interest_changes_at_long_gaps_and_only_there(hidden):
    latents, log = hidden
    wanted = ~log.is_aside
    same_user = log.user[wanted][1:] == log.user[wanted][:-1]
    pair = latents.theme * 8 + latents.style
    changes = (pair[log.item[wanted]][1:] != pair[log.item[wanted]][:-1])[same_user]
    long_gap = (np.diff(log.timestamp[wanted]) >= 40 * DAY)[same_user]
    assert not changes[~long_gap].any()
    assert changes[long_gap].mean() == pytest.approx(63 / 64, abs=0.02)


def test_what_is_for_somebody_else_comes_within_minutes_and_is_never_last(hidden):
    _, log = hidden
    gap = np.diff(log.timestamp)
    assert gap[log.is_aside[1:]].max() <= 900
    assert gap[~log.is_aside[1:] & (log.user[1:] == log.user[:-1])].min() >= 6 * 3600 - 1
    last = np.append(log.user[1:] != log.user[:-1], True)
    assert not log.is_aside[last].any()
    assert not log.opens_visit[last].any()


def test_the_last_visit_predicts_the_target_and_earlier_ones_do_not(hidden):
    latents, log = hidden
    visit = np.cumsum(log.opens_visit)
    last = np.flatnonzero(np.append(log.user[1:] != log.user[:-1], True))
    opening = np.searchsorted(visit, visit[last])
    earlier = np.searchsorted(visit, visit[last] - 1)
    for latent in (latents.theme, latents.style):
        target = latent[log.item[last]]
        assert (latent[log.item[opening]] == target).all()
        assert (latent[log.item[earlier]] == target).mean() == pytest.approx(1 / 8, abs=0.05)
