import logging

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from athwe.config import Config
from athwe.errors import ConfigError
from tuning.planning.space import SearchSpace


def space(**parameters: dict) -> SearchSpace:
    return SearchSpace.model_validate(parameters)


def test_optuna_proposes_from_the_same_ranges():
    wanted = space(
        learning_rate={"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
        time_span={"type": "int", "low": 50, "high": 100, "step": 10},
    )
    assert wanted.distributions() == {
        "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "time_span": IntDistribution(50, 100, step=10),
    }


def test_the_configuration_at_hand_has_values_in_the_space_even_out_of_range():
    wanted = space(
        time_scale={"type": "float", "low": 1.0, "high": 10.0}, wavelet_J={"type": "int", "low": 0, "high": 1}
    )
    assert wanted.of(Config(time_scale=15_000_000)) == {"time_scale": 15_000_000.0, "wavelet_J": 4}


def test_a_categorical_parameter_takes_in_the_configuration_s_value():
    wanted = space(cluster_components={"type": "categorical", "choices": [8, None]})
    assert wanted.including(Config()).root["cluster_components"].choices == (8, None, 16)
    assert wanted.including(Config(cluster_components=8)) == wanted


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_siz": {"type": "int", "low": 1, "high": 2}}, "did you mean 'hidden_size'"),
        ({"epochs": {"type": "int", "low": 1, "high": 2}}, "same for every trial"),
        ({"MAX_ITEM_LIST_LENGTH": {"type": "int", "low": 1, "high": 2}}, "same for every trial"),
        ({"wavelet_J": {"type": "int", "low": 0, "high": 9}}, "wavelet_J cannot be 9"),
        ({"wavelet_J": {"type": "float", "low": 0.5, "high": 1}}, "wavelet_J cannot be 0.5"),
        ({"hidden_act": {"type": "categorical", "choices": ["gelu", "swish"]}}, "hidden_act cannot be 'swish'"),
        ({"hidden_dropout_prob": {"type": "float", "low": 0.5, "high": 1.0}}, "cannot be 1.0"),
        ({"moe_topk": {"type": "int", "low": 9, "high": 12}}, "moe_topk .* is above routed_expert_nums 8"),
        (
            {
                "moe_topk": {"type": "int", "low": 6, "high": 8},
                "routed_expert_nums": {"type": "int", "low": 2, "high": 5},
            },
            "none of 200 combinations",
        ),
        ({"clip_grad_norm": {"type": "float", "low": 1, "high": 2}}, "null in the configuration"),
    ],
)
def test_a_space_that_cannot_run_is_refused(parameters: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        space(**parameters).check(Config())


def test_impossible_pairs_do_not_refuse_a_space_where_others_are_possible():
    space(moe_topk={"type": "int", "low": 1, "high": 8}, routed_expert_nums={"type": "int", "low": 2, "high": 8}).check(
        Config()
    )


def test_parameters_that_cannot_act_are_dropped_and_named(caplog: pytest.LogCaptureFixture):
    wanted = space(beta={"type": "float", "low": 0, "high": 1}, wavelet_J={"type": "int", "low": 0, "high": 4})
    with caplog.at_level(logging.INFO, "tuning.planning.space"):
        left = wanted.without({"beta": "there are no features", "n_clusters": "there are no features"})
    assert list(left.root) == ["wavelet_J"]
    assert caplog.messages == ["not searched, since there are no features: beta"]


def test_no_more_clusters_are_proposed_than_items_have_features():
    wanted = space(n_clusters={"type": "int", "low": 20, "high": 200})
    assert wanted.with_n_clusters_at_most(50).root["n_clusters"].high == 50
    assert wanted.with_n_clusters_at_most(500) == wanted
    with pytest.raises(ConfigError, match="only 10 items"):
        wanted.with_n_clusters_at_most(10)
