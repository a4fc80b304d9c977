"""The rule, on cases whose answers are known, and what it promises, by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_1samp

from athwe.evaluation.metrics import ndcg
from tuning.pruning.racing import Race, UserValues, p_value
from tuning.user_ranks import ranks_to_bytes

EPOCHS, USERS = 20, 500
LOOKS = frozenset(range(1, EPOCHS + 1))


def race_of(values: np.ndarray, alpha: float = 0.05) -> list[int]:
    """Trials, each trained after the one before it, that fall behind; `values` are (trial, epoch, user)."""
    race, behind = Race(LOOKS, alpha), []
    for number, curve in enumerate(values):
        for epoch, one in enumerate(curve, start=1):
            race.record(number, epoch, one)
            if race.is_behind(number, epoch, one):
                behind.append(number)
                break
        race.forget(number)
    return behind


def simulated(generator: np.random.Generator, trials: int, shared: float) -> np.ndarray:
    """NDCG@10 of models that are all the same in truth: each hits a user with his probability of being hit.

    Args:
        shared: of the luck with each user that a model's epochs have in common.
    """
    chance = generator.beta(0.5, 4.5, USERS)
    luck = np.where(
        generator.random((trials, 1, USERS)) < shared,
        generator.random((trials, 1, USERS)).repeat(EPOCHS, 1),
        generator.random((trials, EPOCHS, USERS)),
    )
    rank = np.where(luck < chance, generator.integers(1, 11, luck.shape), 99)
    return ndcg(rank, 10)


@pytest.mark.parametrize("seed", range(6))
def test_the_p_value_is_no_less_than_the_share_of_all_signs(seed: int):
    generator = np.random.default_rng(seed)
    sizes = generator.exponential(size=11) ** 2
    signs = np.array(list(product([-1, 1], repeat=11)))
    sums = signs @ sizes
    for row in signs[generator.integers(0, len(signs), 200)]:
        assert p_value(row * sizes) >= (sums <= row @ sizes + 1e-12).mean() - 1e-12


def test_the_p_value_is_near_scipys_permutation_test_and_above_students_t():
    generator = np.random.default_rng(1)
    difference = np.where(generator.random(900) < 0.15, generator.normal(-0.06, 0.4, 900), 0.0)
    options = {"permutation_type": "samples", "n_resamples": 20_000, "alternative": "less", "rng": generator}
    signs = permutation_test((difference, np.zeros(900)), lambda x, y: np.mean(x - y), vectorized=False, **options)
    t = ttest_1samp(difference, 0, alternative="less").pvalue
    assert abs(signs.pvalue - t) < 0.01
    assert t < p_value(difference) < 3.5 * t


def test_users_whom_both_miss_say_nothing():
    difference = np.array([-1.0, -0.5, -0.5, -0.25])
    assert p_value(difference) == p_value(np.concatenate([difference, np.zeros(1000)]))


def test_a_trial_confidently_behind_is_over_and_one_that_ties_is_not():
    best, hopeless = np.tile(np.repeat([1.0, 0.0], USERS // 2), (EPOCHS, 1)), np.zeros((EPOCHS, USERS))
    assert race_of(np.array([best, hopeless, best, 1 - best])) == [1]


def test_a_trial_whose_best_epoch_was_not_behind_goes_on():
    race, best = Race(frozenset({1, 2}), 0.05), np.ones(100)
    for epoch in (1, 2):
        race.record(0, epoch, best)
    race.record(1, 1, best)
    race.record(1, 2, best * 0)
    assert not race.is_behind(1, 2, best * 0)


def test_nobody_is_judged_before_the_first_look_or_alone():
    race = Race(frozenset({2}), 0.05)
    race.record(0, 1, np.ones(100))
    race.record(1, 1, np.zeros(100))
    assert not race.is_behind(1, 1, np.zeros(100))
    race.record(1, 2, np.zeros(100))
    assert not race.is_behind(1, 2, np.zeros(100))
    race.record(0, 2, np.ones(100))
    assert race.is_behind(1, 2, np.zeros(100))


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_of_trials_that_are_all_the_same_at_most_alpha_are_stopped_over_twenty_looks(shared: float):
    generator, alpha = np.random.default_rng(2), 0.2
    stopped = [len(race_of(simulated(generator, 8, shared), alpha)) for _ in range(60)]
    trials = 8 * 60
    assert sum(stopped) / trials <= alpha
    # At 0.05 a look and rival it would stop some: the test can fail.
    assert any(race_of(simulated(generator, 8, shared), alpha=0.05 * 20 * 7) for _ in range(5))


def test_a_trial_half_as_good_is_stopped_early():
    generator, ends = np.random.default_rng(3), []
    for _ in range(30):
        chance = generator.beta(0.5, 2.0, 1000)
        good, bad = (
            ndcg(np.where(generator.random((EPOCHS, 1000)) < factor * chance, 3, 99), 10) for factor in (1.0, 0.5)
        )
        ends.append(race_of(np.array([good, bad])))
    assert sum(1 in one for one in ends) >= 29


def test_a_metric_that_is_to_be_small_counts_the_other_way():
    ranks = ranks_to_bytes(np.array([1, 3, 11]), most=5)
    assert UserValues("valid/ndcg@10", maximize=True)(ranks).tolist() == [1.0, 0.5, 0.0]
    assert UserValues("valid/recall@10", maximize=False)(ranks).tolist() == [-1, -1, 0]
