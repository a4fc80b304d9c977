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


@pytest.fixture(scope="module", autouse=True)
def without_other_roots(tmp_path_factory):
    """A demo that lies in `dataset/` of the checkout, or where the user keeps data, is not looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        patch.delenv("ATHWE_DATASET_ROOT", raising=False)
        yield


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


def steps_within_visits(log):
    """Rows that have a row of the same visit before them, where neither is for somebody else."""
    own = ~log.is_aside
    return np.flatnonzero(own[1:] & own[:-1] & ~log.opens_visit[1:]) + 1


def test_visits_open_at_long_gaps_and_only_there(hidden):
    _, log = hidden
    same_user = log.user[1:] == log.user[:-1]
    gap, opens, in_basket = np.diff(log.timestamp), log.opens_visit[1:], log.in_basket[1:]
    assert gap[same_user & opens].min() >= 40 * DAY - 1
    assert gap[same_user & ~opens].max() <= 3 * DAY
    assert gap[in_basket].max() <= 900
    assert gap[same_user & ~opens & ~in_basket].min() >= 6 * 3600 - 1


def test_the_style_lasts_for_a_visit(hidden):
    latents, log = hidden
    later = steps_within_visits(log)
    style = latents.style[log.item]
    assert (style[later] == style[later - 1]).all()


def test_the_theme_turns_to_its_sister_after_an_item_in_a_basket_only(hidden):
    latents, log = hidden
    later = steps_within_visits(log)
    theme = latents.theme[log.item]
    assert (theme[later] == theme[later - 1] ^ log.in_basket[later - 1]).all()


def test_what_came_before_the_last_long_gap_does_not_predict(hidden):
    latents, log = hidden
    visit = np.cumsum(log.opens_visit)
    last = np.flatnonzero(np.append(log.user[1:] != log.user[:-1], True))
    earlier = np.searchsorted(visit, visit[last] - 1)
    for latent in (latents.theme, latents.style):
        agreement = latent[log.item[earlier]] == latent[log.item[last]]
        assert agreement.mean() == pytest.approx(1 / 8, abs=0.05)


def test_the_held_out_items_belong_to_a_visit_that_the_history_has_seen(hidden):
    _, log = hidden
    last = np.flatnonzero(np.append(log.user[1:] != log.user[:-1], True))
    assert not log.opens_visit[[last, last - 1]].any()
    assert not log.is_aside[last].any()
