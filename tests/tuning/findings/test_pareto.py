import pandas as pd
from stored_search import OBJECTIVE, create, make_spec

from tuning.findings.pareto import complete_points, pareto_of, pareto_set
from tuning.schema import COMPLETE, OVER_LIMIT, PRUNED
from tuning.store import Store

OBJECTIVES = {"up": "maximize", "down": "minimize"}


def points(*pairs: tuple[float, float]) -> dict[int, dict[str, float]]:
    return {number: {"up": up, "down": down} for number, (up, down) in enumerate(pairs)}


def test_what_another_trial_beats_in_both_is_left_out():
    assert pareto_set(points((0.5, 10), (0.4, 20)), OBJECTIVES) == [0]


def test_what_is_as_good_in_one_and_worse_in_the_other_is_left_out():
    assert pareto_set(points((0.5, 10), (0.5, 11), (0.4, 10)), OBJECTIVES) == [0]


def test_trials_that_are_equal_stand_beside_each_other():
    assert pareto_set(points((0.5, 10), (0.5, 10)), OBJECTIVES) == [0, 1]


def test_the_best_in_the_first_objective_comes_first():
    assert pareto_set(points((0.1, 1), (0.3, 3), (0.2, 2)), OBJECTIVES) == [1, 2, 0]


def test_one_objective_has_its_best_trials():
    assert pareto_set({0: {"up": 1.0}, 1: {"up": 2.0}}, {"up": "maximize"}) == [1]


def test_nothing_comes_of_nothing():
    assert pareto_set({}, OBJECTIVES) == []


def test_only_complete_trials_with_a_value_of_each_objective_count():
    rows = [
        (0, COMPLETE, None, "up", 0.5),
        (0, COMPLETE, None, "down", 10.0),
        (0, COMPLETE, None, "parameters", 7.0),
        (1, COMPLETE, None, "up", 0.9),
        (2, PRUNED, OVER_LIMIT, "up", 0.9),
        (2, PRUNED, OVER_LIMIT, "down", 1.0),
    ]
    values = pd.DataFrame(rows, columns=["number", "state", "reason", "name", "value"])
    assert complete_points(values, OBJECTIVES) == {0: {"up": 0.5, "down": 10.0}}


def test_a_stored_study_has_a_pareto_set_where_it_has_several_objectives(store: Store):
    spec = make_spec(also_minimize=["train_seconds"])
    create(store, spec)
    for number, (value, seconds) in enumerate([(0.5, 9.0), (0.6, 20.0), (0.4, 10.0)]):
        trial = {"trial_id": f"study.{number}", "study_name": "study", "number": number, "params_json": "{}"}
        store.save_trial(trial | {"state": COMPLETE})
        store.save_values(f"study.{number}", {OBJECTIVE: value, "train_seconds": seconds, "parameters": 5.0})
    assert pareto_of(store, "study", spec.objectives) == {
        1: {OBJECTIVE: 0.6, "train_seconds": 20.0},
        0: {OBJECTIVE: 0.5, "train_seconds": 9.0},
    }
    assert pareto_of(store, "study", {OBJECTIVE: "maximize"}) == {}
