"""Shares and intervals on cases with known answers."""

import doctest
import math
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from tuning.ablation import effects
from tuning.ablation.effects import effect, shapley


def test_the_examples_in_the_docstrings_hold():
    failed, tried = doctest.testmod(effects)
    assert (failed, tried > 0) == (0, True)


def subsets(members: str) -> list[frozenset[str]]:
    return [frozenset(each) for size in range(len(members) + 1) for each in combinations(members, size)]


def test_shares_of_a_game_worked_by_hand():
    """Gloves: a and b have a left one each, c the right one; a pair is worth 1. Known: 1/6, 1/6, 4/6."""
    worth = {each: float("c" in each and bool({"a", "b"} & each)) for each in subsets("abc")}
    assert shapley(worth) == pytest.approx({"a": 1 / 6, "b": 1 / 6, "c": 4 / 6})


def test_shares_are_the_mean_over_all_orders_and_sum_to_the_whole_less_nothing():
    chance = np.random.default_rng(3)
    worth = {each: chance.normal(size=(4, 2)) for each in subsets("abc")}
    shares = shapley(worth)
    orders = list(permutations("abc"))
    for member, share in shares.items():
        added = [
            worth[frozenset(order[: order.index(member) + 1])] - worth[frozenset(order[: order.index(member)])]
            for order in orders
        ]
        assert share == pytest.approx(np.mean(added, axis=0))
    assert sum(shares.values()) == pytest.approx(worth[frozenset("abc")] - worth[frozenset()])


def test_a_member_that_adds_nothing_gets_nothing_and_equals_get_equally_much():
    worth = {each: 2.0 * len(each - {"c"}) ** 2 for each in subsets("abc")}
    assert shapley(worth) == pytest.approx({"a": 4.0, "b": 4.0, "c": 0.0})
    assert shapley({frozenset(): 0.25, frozenset("a"): 1.0}) == {"a": 0.75}


def test_of_one_seed_the_interval_is_student_s_over_users():
    values = np.random.default_rng(1).normal(0.3, 1, 40)
    found = effect(values[:, None])
    expected = stats.ttest_1samp(values, 0)
    assert (found.p, found.users, found.seeds) == (pytest.approx(expected.pvalue), 40, 1)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_two_users_and_two_seeds_by_hand():
    """Means by user 1 and 3, by seed 1 and 3: MS_users = MS_seeds = 4, nothing left over; so (4 + 4) / 4 = 2."""
    found = effect(np.array([[0.0, 2.0], [2.0, 4.0]]))
    half = stats.t.ppf(0.975, 8**2 / (4**2 + 4**2)) * math.sqrt(2)
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2 - half, 2 + half))


def test_what_is_always_the_same_is_certain_and_one_user_says_nothing_of_others():
    nothing = effect(np.zeros((5, 3)))
    assert (nothing.low, nothing.high, nothing.p) == (0, 0, 1)
    assert effect(np.full((5, 3), -0.5)).p == 0
    assert math.isnan(effect(np.ones((1, 3))).low)


@pytest.mark.parametrize(("of_users", "of_seeds", "of_rest"), [(1, 0, 1), (0, 0, 1), (1, 0.05, 1), (1, 0.2, 1)])
def test_an_interval_holds_the_truth_as_often_as_it_says(of_users: float, of_seeds: float, of_rest: float):
    """Of 400 studies of 200 users and 3 seeds: 95 % and no less than 91 %, whatever it is that varies."""
    chance, hits = np.random.default_rng(0), 0
    for _ in range(400):
        users, seeds = of_users * chance.normal(size=(200, 1)), of_seeds * chance.normal(size=(1, 3))
        found = effect(users + seeds + of_rest * chance.normal(size=(200, 3)))
        hits += found.low <= 0 <= found.high
    assert hits >= 0.91 * 400
