"""What a new study takes over from another one."""

import json

import pytest

from tuning.errors import SearchError
from tuning.planning.space import SearchSpace
from tuning.proposing.warm_start import best_params
from tuning.schema import COMPLETE, PRUNED
from tuning.store import Store

SPACE = SearchSpace.model_validate(
    {
        "beta": {"type": "float", "low": 0.0, "high": 1.0},
        "moe_topk": {"type": "int", "low": 1, "high": 4},
        "hidden_act": {"type": "categorical", "choices": ["gelu", "relu"]},
    }
)


def add(store: Store, number: int, value: float | None, params: dict, state: str = COMPLETE) -> None:
    row = {"trial_id": f"s.{number}", "study_name": "s", "number": number, "params_json": json.dumps(params)}
    store.save_trial(row | {"state": state, "value": value})


def test_the_best_complete_trials_come_first_without_what_does_not_fit(store: Store):
    add(store, 0, 0.1, {"beta": 0.5, "moe_topk": 2})
    add(store, 1, 0.3, {"beta": 2.0, "moe_topk": 3, "hidden_act": "tanh", "learning_rate": 0.1})
    add(store, 2, 0.9, {"beta": 0.9}, PRUNED)
    add(store, 3, 0.2, {"beta": 0.5, "moe_topk": 2})
    add(store, 4, 0.05, {"hidden_act": "relu", "moe_topk": 2.5})
    assert best_params(store, "s", SPACE) == [{"moe_topk": 3}, {"beta": 0.5, "moe_topk": 2}, {"hidden_act": "relu"}]
    assert best_params(store, "s", SPACE, most=1) == [{"moe_topk": 3}]
    store.update_study("s", direction="minimize")
    assert best_params(store, "s", SPACE, most=1) == [{"hidden_act": "relu"}]


def test_a_study_with_nothing_to_offer_is_refused(store: Store):
    with pytest.raises(SearchError, match="no study 'other' in this store"):
        best_params(store, "other", SPACE)
    with pytest.raises(SearchError, match="has no complete trial"):
        best_params(store, "s", SPACE)
    add(store, 0, 0.1, {"learning_rate": 0.1})
    with pytest.raises(SearchError, match="nothing that study 's' searched lies in this search space"):
        best_params(store, "s", SPACE)
