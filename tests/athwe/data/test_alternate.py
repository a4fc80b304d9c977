import warnings

import numpy as np
import pytest

from athwe.data import alternate as module
from athwe.data.alternate import alternate, nearest, total_distance


def mixture(n_points: int, width: int, n_centres: int, seed: int):
    random = np.random.default_rng(seed)
    centre = 2 * random.standard_normal((n_centres, width))
    return centre[random.integers(0, n_centres, n_points)] + random.standard_normal((n_points, width))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n_points", "width", "n_clusters"), [(60, 2, 7), (400, 3, 12), (500, 16, 40)])
def test_medoids_are_those_of_the_published_method(n_points, width, n_clusters, seed):
    library = pytest.importorskip("sklearn_extra.cluster", reason="has wheels up to Python 3.11")
    points = mixture(n_points, width, n_clusters, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = library.KMedoids(n_clusters, method="alternate", init="k-medoids++", max_iter=100, random_state=seed)
        model.fit(points)
    found = alternate(points, n_clusters, seed)
    assert found.tolist() == model.medoid_indices_.tolist()
    assert nearest(points, points[found]).tolist() == model.labels_.tolist()
    assert total_distance(points, points[found]) == pytest.approx(model.inertia_)


@pytest.mark.parametrize("entries", [1, 50, 1000])
def test_blocks_change_nothing(monkeypatch, entries):
    points = mixture(120, 3, 6, seed=0)
    expected = alternate(points, 6, seed=1)
    monkeypatch.setattr(module, "BLOCK_ENTRIES", entries)
    assert alternate(points, 6, seed=1).tolist() == expected.tolist()
    assert total_distance(points, points[expected]) == pytest.approx(
        np.linalg.norm(points[:, None] - points[expected], axis=-1).min(axis=1).sum()
    )


def test_medoids_on_a_line_are_the_medians():
    points = np.array([[0.0], [1], [2], [3], [9], [100], [101], [102]])
    assert sorted(alternate(points, 2, seed=0).tolist()) == [2, 6]


def test_more_clusters_than_different_points_leave_clusters_empty():
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 10, axis=0)
    labels = nearest(points, points[alternate(points, 4, seed=0)])
    assert len(set(labels[:10].tolist())) == len(set(labels[10:].tolist())) == 1
    assert labels[0] != labels[10]


def test_as_many_clusters_as_points_are_all_of_them():
    points = mixture(20, 2, 3, seed=0)
    assert sorted(alternate(points, 20, seed=0).tolist()) == list(range(20))
