from pathlib import Path

import pytest
from tiny_search import write_tiny

from athwe.config import Config
from athwe.data import Dataset, load_dataset
from tuning.planning.inert import inert_parameters, labelled_items

FEATURE_PARAMETERS = {"phcl_weight", "cluster_weight", "beta", "phcl_temperature", "n_clusters"}


def load(root: Path, **config: object) -> Dataset:
    return load_dataset("tiny", root, Config(**config))


def inert(dataset: Dataset, config: Config, searched: tuple[str, ...] = ()) -> set[str]:
    return set(inert_parameters(config, dataset, searched))


def test_with_every_modality_and_categories_everything_acts(tiny_root: Path):
    assert inert(load(tiny_root), Config()) == set()


def test_without_features_their_losses_do_not_act(tiny_root: Path):
    assert inert(load(tiny_root, modalities=("item",)), Config()) >= FEATURE_PARAMETERS


def test_without_the_item_stream_the_item_contrast_does_not_act(tiny_root: Path):
    assert inert(load(tiny_root, modalities=("txt",)), Config()) == {"id_contrastive_weight", "temperature"}


def test_without_categories_their_prediction_does_not_act(tmp_path: Path):
    dataset = load(write_tiny(tmp_path, categories=False))
    assert inert(dataset, Config()) == {"attribute_weight"}


def test_a_weight_that_stays_zero_silences_its_loss_unless_it_is_searched(tiny_root: Path):
    dataset, config = load(tiny_root), Config(phcl_weight=0)
    assert inert(dataset, config) == {"beta", "phcl_temperature"}
    assert inert(dataset, config, ("phcl_weight",)) == set()


def test_without_experts_their_parameters_do_not_act(tiny_root: Path):
    config = Config(routed_expert_nums=0, shared_expert_nums=0)
    experts = {"moe_topk", "diversity_weight", "cosine_lambda", "expert_residual"}
    assert inert(load(tiny_root), config) == experts
    assert inert(load(tiny_root, modalities=("item",)), config) >= experts | {"time_span", "time_scale"}
    assert inert(load(tiny_root), config, ("routed_expert_nums",)) == set()


def test_without_the_wavelet_its_initial_weight_does_not_act(tiny_root: Path):
    assert inert(load(tiny_root), Config(wavelet_J=0)) == {"feature_initializer_weight"}
    assert inert(load(tiny_root), Config(wavelet_J=0), ("wavelet_J",)) == set()


def test_sampled_items_act_on_the_sampled_softmax_alone(tiny_root: Path):
    dataset, searched = load(tiny_root), ("sampled_items",)
    assert inert(dataset, Config(), searched) == {"sampled_items"}
    assert inert(dataset, Config(loss="sampled"), searched) == set()
    assert inert(dataset, Config(), (*searched, "loss")) == set()


@pytest.mark.parametrize(
    ("model", "dropped"),
    [
        ("HM4SR", {"wavelet_J", "n_clusters", "n_exps"}),
        ("UniSRec", {"wavelet_J", "n_clusters", "beta"}),
        ("SASRec", {"wavelet_J", "n_clusters", "beta", "temperature", "n_exps"}),
        ("Popularity", {"wavelet_J", "n_clusters", "beta", "temperature", "n_exps", "learning_rate"}),
    ],
)
def test_what_a_model_does_not_read_is_not_searched(tiny_root: Path, model: str, dropped: set[str]):
    searched = ("wavelet_J", "n_clusters", "beta", "temperature", "n_exps", "learning_rate")
    assert inert(load(tiny_root), Config(model=model), searched) & {*searched} == dropped


def test_the_temperature_of_unisrec_s_score_needs_no_item_contrast(tiny_root: Path):
    searched = ("temperature", "train_type")
    for dataset, changes in (
        (load(tiny_root, modalities=("txt",)), {}),
        (load(tiny_root), {"id_contrastive_weight": 0}),
    ):
        assert not inert(dataset, Config(model="UniSRec", **changes), searched) & {*searched}


@pytest.mark.parametrize("modalities", [None, ("item", "txt")])
def test_items_with_features_are_counted_without_the_padding(tiny_root: Path, modalities: tuple | None):
    dataset = load(tiny_root, modalities=modalities)
    assert labelled_items(dataset) == dataset.n_items - 1
