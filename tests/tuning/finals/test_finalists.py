import doctest
import json
import math
from typing import Any

import pandas as pd
import pytest

from tuning.errors import SearchError
from tuning.finals import finalists
from tuning.finals.finalists import (
    Finalist,
    FinalRun,
    Look,
    choose,
    comparable_looks,
    fresh_seeds,
    missing_runs,
    results,
    summarise,
)
from tuning.schema import COMPLETE, FAIL, PRUNED, RUNNING
from tuning.stored import reproduction

TRIALS = pd.DataFrame(
    [
        ("s.0", 0, COMPLETE, 0.1, {"beta": 0.2}),
        ("s.1", 1, PRUNED, 0.9, {"beta": 0.3}),
        ("s.2", 2, COMPLETE, 0.3, {"beta": 0.4}),
        ("s.3", 3, FAIL, None, {"beta": 0.5}),
        ("s.4", 4, RUNNING, 0.8, {"beta": 0.6}),
        ("s.5", 5, COMPLETE, 0.2, {"beta": 0.7}),
    ],
    columns=["trial_id", "number", "state", "value", "params"],
)
A, B = Finalist("s.0", 0, {}), Finalist("s.2", 2, {})


@pytest.mark.parametrize("module", [finalists, reproduction])
def test_the_examples_in_the_docstrings_hold(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(("maximize", "best"), [(True, [2, 5]), (False, [0, 5])])
def test_the_best_complete_trials_are_chosen_by_the_direction(maximize: bool, best: list[int]):
    chosen = choose(TRIALS, maximize, top=2)
    assert [each.number for each in chosen] == best
    assert chosen[1] == Finalist("s.5", 5, {})
    assert chosen[1].params == {"beta": 0.7}


def test_fewer_trials_than_asked_for_are_all_of_them():
    assert [each.number for each in choose(TRIALS, True, top=10)] == [2, 5, 0]


def test_trials_can_be_named_once_each_and_pruned_ones_too():
    assert [each.number for each in choose(TRIALS, True, top=1, numbers=[1, 0, 1])] == [1, 0]


@pytest.mark.parametrize(
    ("number", "message"),
    [(7, "there is no trial 7"), (3, "trial 3 is FAIL"), (4, "trial 4 is RUNNING; .* came to their end: 0, 1, 2, 5")],
)
def test_a_trial_without_an_end_is_refused(number: int, message: str):
    with pytest.raises(SearchError, match=message):
        choose(TRIALS, True, top=1, numbers=[0, number])


def test_a_study_without_a_complete_trial_is_refused():
    with pytest.raises(SearchError, match="no COMPLETE trial"):
        choose(TRIALS[TRIALS["state"] != COMPLETE], True, top=3)


def test_seeds_are_fresh_repeatable_and_stay_when_more_are_asked_for():
    for own in (0, 2025, 2**31 - 1):
        seeds = fresh_seeds(own, 8)
        assert own not in seeds and len(set(seeds)) == 8
        assert all(0 <= seed < 2**31 for seed in seeds)
        assert fresh_seeds(own, 3) == seeds[:3]


def row(trial_id: str | None, seed: int, value: float, mask_seen: bool = False) -> dict[str, Any]:
    metrics = json.dumps({"test/ndcg@10": value, "test/recall@10": value / 2})
    return {"trial_id": trial_id, "seed": seed, "mask_seen": mask_seen, "metrics_json": metrics}


def test_only_looks_at_a_trial_in_the_study_s_mode_count_once_a_seed():
    ledger = pd.DataFrame([row("s.0", 1, 0.1), row("s.0", 1, 0.7), row("s.0", 2, 0.2, True), row(None, 3, 0.3)])
    looks = comparable_looks(ledger, mask_seen=False)
    assert [(look.trial_id, look.seed, look.metrics["test/ndcg@10"]) for look in looks] == [("s.0", 1, 0.1)]
    assert [look.seed for look in comparable_looks(ledger, mask_seen=True)] == [2]
    assert comparable_looks(ledger.iloc[:0], mask_seen=False) == []


def test_what_the_ledger_has_is_not_run_again():
    looks = [Look("s.0", 1, {}), Look("s.2", 3, {})]
    assert missing_runs([A, B], [1, 2], looks) == [FinalRun(B, 1), FinalRun(A, 2), FinalRun(B, 2)]


def test_mean_deviation_and_interval_are_student_s():
    found = summarise([1.0, 2.0, 3.0])
    assert (found.mean, found.sd) == (2.0, 1.0)
    t = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # the closed form for two degrees of freedom
    half = t / math.sqrt(3)
    assert found.interval == pytest.approx((2 - half, 2 + half), rel=1e-12)


def test_one_value_has_no_deviation():
    assert (summarise([0.5]).mean, summarise([0.5]).sd, summarise([0.5]).interval) == (0.5, None, None)


def test_results_are_of_every_look_on_record():
    ledger = pd.DataFrame([row("s.0", 2, 0.2), row("s.0", 1, 0.1), row("s.9", 1, 0.9)])
    one, other = results([A, B], comparable_looks(ledger, False), ["test/ndcg@10", "test/mrr@10"])
    assert one["seeds"] == [1, 2]
    assert one["metrics"].keys() == {"test/ndcg@10"}
    assert one["metrics"]["test/ndcg@10"]["values"] == [0.1, 0.2]
    assert one["metrics"]["test/ndcg@10"]["mean"] == pytest.approx((0.1 + 0.2) / 2)
    assert other == {"trial": 2, "trial_id": "s.2", "seeds": [], "metrics": {}}
