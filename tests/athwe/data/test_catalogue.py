import warnings

import numpy as np
import pytest
from data_files import write_features

from athwe.config import Config
from athwe.data import build_catalogue
from athwe.errors import ConfigError


def test_a_catalogue_holds_what_the_data_set_has(folder, load):
    expected = write_features(folder)
    catalogue = build_catalogue(load(), Config(n_clusters=2))
    assert catalogue.n_items == 5
    assert catalogue.features["txt"].tolist() == expected.tolist()
    assert catalogue.attributes is None
    assert catalogue.clusters["txt"][0] == -1
    assert set(catalogue.clusters["txt"][1:].tolist()) == {0, 1}


def test_read_only_features_serve_without_a_warning_and_stay_as_they_are(folder, load):
    write_features(folder)
    dataset = load()
    dataset.features["txt"].flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        catalogue = build_catalogue(dataset, Config(n_clusters=2))
    catalogue.features["txt"].zero_()
    assert dataset.features["txt"].any()


def test_without_features_there_are_no_clusters(load):
    catalogue = build_catalogue(load(), Config())
    assert (catalogue.features, catalogue.clusters) == ({}, {})


def test_more_clusters_than_items_is_an_error(folder, load):
    write_features(folder)
    with pytest.raises(ConfigError, match="n_clusters 100"):
        build_catalogue(load(), Config())


def test_the_seed_goes_into_the_labels(folder, load):
    generator = np.random.default_rng(0)
    dataset = load()
    dataset.features["txt"] = generator.standard_normal((200, 8)).astype(np.float32)
    first, again, other = (
        build_catalogue(dataset, Config(n_clusters=9, seed=seed)).clusters["txt"] for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist() != other.tolist()


def test_without_a_cluster_loss_nothing_is_clustered(tiny_dataset, tiny_config):
    catalogue = build_catalogue(tiny_dataset, tiny_config.model_copy(update={"cluster_weight": 0.0}))
    assert catalogue.clusters == {}
    assert catalogue.features.keys() == {"txt", "img"}
