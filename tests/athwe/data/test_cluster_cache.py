import logging

import numpy as np
import pytest

from athwe.data.cluster_cache import cache_folder, cached

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)
SETTINGS = {"n_clusters": 2, "seed": 1, "method": "kmedoids"}


class Computation:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return np.array([-1, 0, 1])


@pytest.fixture
def compute():
    return Computation()


def test_the_same_features_and_settings_are_computed_once(compute):
    first, second = (cached(FEATURES, SETTINGS, compute) for _ in range(2))
    assert compute.count == 1
    assert first.tolist() == second.tolist() == [-1, 0, 1]
    assert [path.suffix for path in (cache_folder() / "clusters").iterdir()] == [".npy"]


@pytest.mark.parametrize(
    ("features", "settings"),
    [
        (FEATURES + 1, SETTINGS),
        (FEATURES, SETTINGS | {"seed": 2}),
        (FEATURES, SETTINGS | {"method": "clara"}),
        (FEATURES, SETTINGS | {"n_clusters": 3}),
    ],
)
def test_anything_else_is_computed_anew(compute, features, settings):
    cached(FEATURES, SETTINGS, compute)
    cached(features, settings, compute)
    assert compute.count == 2


@pytest.mark.parametrize("content", [b"", b"half a file", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_computed_again(compute, content, caplog):
    cached(FEATURES, SETTINGS, compute)
    (path,) = (cache_folder() / "clusters").iterdir()
    path.write_bytes(content)
    assert cached(FEATURES, SETTINGS, compute).tolist() == [-1, 0, 1]
    assert compute.count == 2
    assert "computing" in caplog.text
    cached(FEATURES, SETTINGS, compute)
    assert compute.count == 2


def test_a_pickled_file_is_not_run(compute):
    cached(FEATURES, SETTINGS, compute)
    (path,) = (cache_folder() / "clusters").iterdir()
    np.save(path, np.array([object()], dtype=object), allow_pickle=True)
    assert cached(FEATURES, SETTINGS, compute).tolist() == [-1, 0, 1]


def test_a_folder_that_cannot_be_written_costs_a_warning_only(compute, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ATHWE_CACHE_DIR", str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING):
        assert cached(FEATURES, SETTINGS, compute).tolist() == [-1, 0, 1]
    assert "are not kept" in caplog.text
