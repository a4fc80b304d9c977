import logging

import numpy as np
import pytest

from athwe.config import Config, DataConfig
from athwe.data.cache import array_digest, builds
from athwe.data.clusters import cluster_labels, whiten
from athwe.data.medoids import choose_method, medoid_labels
from athwe.errors import ConfigError


def blobs(n_clusters: int = 4, size: int = 12, width: int = 6, seed: int = 0):
    """Features with known clusters below a padding row, and the cluster of each item."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_clusters), size)
    centre = 30 * generator.standard_normal((n_clusters, width))
    points = centre[truth] + generator.standard_normal((len(truth), width))
    return np.vstack([np.zeros(width), points]).astype(np.float32), truth


def labels_of(features, config: DataConfig, seed: int, name: str = "txt"):
    return cluster_labels(features, array_digest(features), name, config, seed)


def same_groups(first, second) -> bool:
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


@pytest.mark.parametrize("method", ["kmedoids", "clara", "fasterpam"])
def test_clear_clusters_are_found(method):
    features, truth = blobs()
    labels = medoid_labels(features[1:].astype(np.float64), 4, method, seed=1)
    assert same_groups(labels.tolist(), truth.tolist())


def test_padding_and_items_without_features_have_no_label():
    features, truth = blobs()
    features[[3, 20]] = 0
    labels = labels_of(features, DataConfig(n_clusters=4, cluster_components=3), seed=1)
    assert np.flatnonzero(labels == -1).tolist() == [0, 3, 20]
    known = labels >= 0
    assert same_groups(labels[known].tolist(), truth[known[1:]].tolist())


def test_items_without_features_change_no_label():
    features, _ = blobs()
    with_gap = np.insert(features, 5, 0, axis=0)
    config = DataConfig(n_clusters=4)
    expected = labels_of(features, config, seed=1)
    assert np.delete(labels_of(with_gap, config, seed=1), 5).tolist() == expected.tolist()


def test_whitened_components_are_uncorrelated_with_unit_variance():
    points = np.random.default_rng(0).standard_normal((50, 6)) @ np.diag([9, 5, 3, 2, 1, 0.5])
    white = whiten(points, 3)
    np.testing.assert_allclose(white.T @ white / 50, np.eye(3), atol=1e-10)


def test_all_components_have_the_distances_of_full_zca():
    points = np.random.default_rng(0).standard_normal((50, 4)) @ np.diag([9, 5, 1e-4, 2])
    centred = points - points.mean(axis=0)
    variance, vectors = np.linalg.eigh(centred.T @ centred / 50)
    zca = centred @ vectors @ np.diag(1 / np.sqrt(np.maximum(variance, 1e-5))) @ vectors.T
    ours = whiten(points, None)
    distances = [np.linalg.norm(rows[:, None] - rows[None], axis=-1) for rows in (zca, ours)]
    np.testing.assert_allclose(*distances, atol=1e-9)


def test_more_components_than_there_are_keeps_all():
    points = np.random.default_rng(0).standard_normal((20, 4))
    np.testing.assert_array_equal(whiten(points, 16), whiten(points, None))


def test_more_clusters_than_labelled_items_is_an_error():
    features, _ = blobs(n_clusters=2, size=3)
    features[2] = 0
    with pytest.raises(ConfigError, match="n_clusters 6 is above the 5 items that have img features"):
        labels_of(features, DataConfig(n_clusters=6), seed=1, name="img")


def test_a_cluster_past_a_third_is_warned_of(caplog):
    features = np.random.default_rng(0).standard_normal((31, 3)).astype(np.float32)
    features[0] = 0
    with caplog.at_level(logging.INFO, "athwe.data.clusters"):
        labels_of(features, DataConfig(n_clusters=2), seed=1)
        labels_of(blobs(n_clusters=5)[0], DataConfig(n_clusters=5), seed=1)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "the largest txt cluster holds 20 % of 60 items (kmedoids)" in caplog.text


@pytest.mark.parametrize("wanted", ["kmedoids", "clara", "fasterpam"])
def test_the_method_is_the_one_asked_for_and_auto_the_published_one(wanted):
    assert choose_method(wanted) == wanted
    assert choose_method("auto") == "kmedoids"


def test_without_scikit_learn_extra_only_clara_is_missed(monkeypatch, caplog):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose_method("auto") == "kmedoids"
    assert not caplog.text
    assert choose_method("clara") == "kmedoids"
    assert "kmedoids instead" in caplog.text


def test_fasterpam_looks_for_medoids_in_a_sample_of_a_large_catalogue(monkeypatch):
    monkeypatch.setattr("athwe.data.medoids.FASTERPAM_SAMPLE", 20)
    features, truth = blobs()
    labels = medoid_labels(features[1:].astype(np.float64), 4, "fasterpam", seed=1)
    assert same_groups(labels.tolist(), truth.tolist())


# What is computed again, and what is not.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cluster_weight": 0.5, "hidden_size": 8, "learning_rate": 0.1}, {}),
        ({"cluster_method": "kmedoids"}, {}),  # which auto already was
        ({"n_clusters": 3}, {"clusters": 1}),
        ({"seed": 8}, {"clusters": 1}),
        ({"cluster_method": "fasterpam"}, {"clusters": 1}),
        ({"cluster_components": 2}, {"whitened": 1, "clusters": 1}),
    ],
)
def test_a_change_of_configuration_builds_what_depends_on_it(changes, expected):
    features, _ = blobs()
    before = Config(n_clusters=4, seed=7)
    assert builds_of(features, before) == {"whitened": 1, "clusters": 1}
    assert builds_of(features, before) == {}
    assert builds_of(features, Config(**before.model_dump() | changes)) == expected


def test_other_features_build_everything():
    features, _ = blobs()
    builds_of(features, Config(n_clusters=4))
    assert builds_of(features + np.float32(1), Config(n_clusters=4)) == {"whitened": 1, "clusters": 1}


def builds_of(features, config: Config) -> dict[str, int]:
    """What labels under this configuration make this process compute."""
    before = builds.copy()
    labels_of(features, config, config.seed)
    return dict(builds - before)
