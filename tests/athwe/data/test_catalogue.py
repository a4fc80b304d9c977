import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_files import write_features

from athwe.config import Config
from athwe.data import build_catalogue
from athwe.data.cache import builds
from athwe.errors import ConfigError


def test_a_catalogue_holds_what_the_data_set_has(folder, load):
    expected = write_features(folder)
    catalogue = build_catalogue(load(), Config(n_clusters=2))
    assert catalogue.n_items == 5
    assert catalogue.features["txt"].tolist() == expected.tolist()
    assert catalogue.attributes is None
    assert catalogue.clusters["txt"][0] == -1
    assert set(catalogue.clusters["txt"][1:].tolist()) == {0, 1}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_catalogue_shares_the_memory_of_the_data_set_without_a_warning(folder, load, read_only):
    """Read-only is what the arrays are that Ray's processes share."""
    write_features(folder)
    torch.save(torch.eye(5) * (torch.arange(5) > 0), folder / "cat.pt")
    dataset = load()
    arrays = [dataset.features["txt"], dataset.attributes]
    for array in arrays if read_only else ():
        array.flags.writeable = False
    torch.set_warn_always(True)  # otherwise torch warns once a process, maybe long before this test
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            catalogue = build_catalogue(dataset, Config(n_clusters=2))
    finally:
        torch.set_warn_always(False)
    tensors = [catalogue.features["txt"], catalogue.attributes]
    assert [tensor.data_ptr() for tensor in tensors] == [array.ctypes.data for array in arrays]


def test_another_process_hashes_no_features_again(folder, load, monkeypatch):
    write_features(folder)
    sent = pickle.dumps(load())

    def refuse(array):
        raise AssertionError("hashed again")

    monkeypatch.setattr("athwe.data.dataset.array_digest", refuse)
    before = builds.copy()
    for n_clusters in (2, 2, 3):
        build_catalogue(pickle.loads(sent), Config(n_clusters=n_clusters))
    assert dict(builds - before) == {"whitened": 1, "clusters": 2}


def test_without_features_there_are_no_clusters(load):
    catalogue = build_catalogue(load(), Config())
    assert (catalogue.features, catalogue.clusters) == ({}, {})


def test_more_clusters_than_items_is_an_error(folder, load):
    write_features(folder)
    with pytest.raises(ConfigError, match="n_clusters 100"):
        build_catalogue(load(), Config())


def test_the_seed_goes_into_the_labels(folder, load):
    generator = np.random.default_rng(0)
    features = {"txt": generator.standard_normal((200, 8)).astype(np.float32)}
    dataset = replace(load(), item_tokens=np.arange(200).astype(str), features=features)
    first, again, other = (
        build_catalogue(dataset, Config(n_clusters=9, seed=seed)).clusters["txt"] for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist() != other.tolist()


def test_without_a_cluster_loss_nothing_is_clustered(tiny_dataset, tiny_config):
    catalogue = build_catalogue(tiny_dataset, tiny_config.model_copy(update={"cluster_weight": 0.0}))
    assert catalogue.clusters == {}
    assert catalogue.features.keys() == {"txt", "img"}
