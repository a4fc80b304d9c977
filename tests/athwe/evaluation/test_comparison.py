"""The tie set against scipy and statsmodels, on cases with known answers, and on models that are all the same."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from athwe.evaluation.comparison import compare, compare_over_seeds, holm
from athwe.evaluation.optimism import optimism
from athwe.evaluation.resampling import half_means, resampled_means

STUDIES = 200
MOST_OF_200 = stats.binom.ppf(0.999, STUDIES, 0.05)
"""Studies of 200 that a test at .05 calls different by chance at most, but for one chance in a thousand."""


def values_of(generator: np.random.Generator, users: int, models: int, gain: float = 0.0) -> np.ndarray:
    """What users have in common and noise of each model's own; each model better by `gain` than the one before."""
    common, own = generator.standard_normal((users, 1)), generator.standard_normal((users, models))
    return (common + 0.6 * own + gain * np.arange(models)).astype(np.float32)


def test_two_models_are_compared_as_scipy_does():
    first, second = values_of(np.random.default_rng(1), 3000, 2, gain=0.03).T.astype(float)
    found = compare(np.stack([first, second], axis=1))
    assert found.best == 1 and found.difference[0] == pytest.approx((first - second).mean())
    paired = stats.ttest_rel(first, second)
    flipped = stats.permutation_test(
        (first - second,), np.mean, permutation_type="samples", n_resamples=9999, vectorized=True, rng=0
    )
    assert 0.005 < paired.pvalue < 0.2, "a case in which a wrong p would show"
    assert found.p[0] == pytest.approx(paired.pvalue, abs=0.01) == pytest.approx(flipped.pvalue, abs=0.01)
    assert found.p_adjusted[0] == pytest.approx(paired.pvalue, abs=0.01), "of two models nothing is to be corrected"
    expected = stats.bootstrap((first - second,), np.mean, method="percentile", n_resamples=9999, rng=0)
    interval = expected.confidence_interval
    assert (found.low[0], found.high[0]) == pytest.approx((interval.low, interval.high), abs=0.001)


def test_holm_is_statsmodels_holm():
    p = np.random.default_rng(2).uniform(0, 0.2, 30)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm(np.array([0.6, 0.9])).tolist() == [1, 1]


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_clearly_worse_is_out_and_what_is_equal_is_in(sign: int):
    values = values_of(np.random.default_rng(3), 2000, 4)
    values[:, 1] = values[:, 0]  # two that nobody can tell from each other
    values[:, 2:] -= 0.5
    found = compare(sign * values, maximize=sign > 0)
    assert found.tied.tolist() == [True, True, False, False]
    assert found.p[0] == found.p_adjusted[1] == 1 and (found.p_adjusted >= found.p).all()
    assert (np.sign(found.difference[2:]) == -sign).all()


def test_a_model_twice_makes_no_other_one_tie():
    """Sums of equal columns may differ in their last digits, by where they stand in a matrix."""
    generator, users, models = np.random.default_rng(1), 60, 20
    for again in range(1, models):
        values = 1 / np.log2(generator.integers(2, 50, (users, models)))
        values[:, 0] += 1
        values = np.concatenate([values, values[:, [again]]], axis=1).astype(np.float32)
        assert compare(values, resamples=200).tied.tolist() == [True] + [False] * models


def test_a_model_that_is_worse_by_as_much_for_every_user_does_not_tie():
    values = np.tile(np.array([0.0, 1.0, 0.0, 1.0], np.float32), (50, 1))
    assert compare(values, resamples=200).tied.tolist() == [False, True, False, True]


def test_a_single_model_is_the_best_and_a_single_user_is_refused():
    found = compare(np.ones((5, 1), np.float32))
    assert found.best == 0 and found.tied.tolist() == [True]
    with pytest.raises(ValueError, match="two of them at least, got 1"):
        compare(np.ones((1, 3), np.float32))
    with pytest.raises(ValueError, match="no model has two seeds"):
        compare_over_seeds(np.ones((5, 2), np.float32), np.array([0, 1]))


def test_resampled_means_are_means_over_as_many_users_whatever_the_block(monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(4).standard_normal((50, 3)).astype(np.float32)
    whole = resampled_means(values, 400, np.random.default_rng(5))
    halves = half_means(values[:49], 30, np.random.default_rng(5))
    monkeypatch.setattr("athwe.evaluation.resampling.BLOCK_BYTES", 1)
    assert resampled_means(values, 400, np.random.default_rng(5)) == pytest.approx(whole, abs=1e-6)
    assert half_means(values[:49], 30, np.random.default_rng(5))[0] == pytest.approx(halves[0], abs=1e-6)
    assert whole.std(axis=0) == pytest.approx(values.std(axis=0) / 50**0.5, rel=0.15)
    first, second = half_means(values, 30, np.random.default_rng(6))
    assert (first + second) / 2 == pytest.approx(np.tile(values.mean(axis=0), (30, 1)), abs=1e-6)


def test_identical_models_are_called_different_in_no_more_than_the_stated_share():
    """Plain Holm against the best does not hold it, since the same users have picked the best."""
    generator, corrected, plain = np.random.default_rng(7), 0, 0
    for study in range(STUDIES):
        found = compare(values_of(generator, 300, 12), resamples=999, seed=study)
        corrected += not found.tied.all()
        plain += bool((found.p_holm <= 0.05).any())
    assert corrected <= MOST_OF_200
    assert plain > 1.5 * 0.05 * STUDIES


def test_identical_settings_on_two_seeds_are_called_different_in_no_more_than_the_stated_share():
    """A seed moves a model as a whole. A test over users that does not know of it finds differences everywhere."""
    generator, corrected, of_users = np.random.default_rng(8), 0, 0
    model_of = np.repeat(np.arange(4), 2)
    for study in range(STUDIES):
        values = values_of(generator, 300, 8) + 0.2 * generator.standard_normal(8).astype(np.float32)
        corrected += not compare_over_seeds(values, model_of, resamples=999, seed=study).tied.all()
        of_users += not compare(values[:, ::2] / 2 + values[:, 1::2] / 2, resamples=999, seed=study).tied.all()
    assert corrected <= MOST_OF_200 < of_users


def test_a_real_difference_is_found_over_seeds():
    generator = np.random.default_rng(9)
    values = values_of(generator, 1000, 9) + 0.02 * generator.standard_normal(9).astype(np.float32)
    values[:, :3] -= 0.5
    found = compare_over_seeds(values, np.repeat([0, 1, 2], 3))
    assert found.tied.tolist() == [False, True, True]
    assert found.mean[0] == pytest.approx(values[:, :3].mean(), abs=1e-5)


def test_the_optimism_of_the_best_of_identical_models_is_what_it_wins_by_chance():
    generator = np.random.default_rng(10)
    studies = [generator.standard_normal((400, 10)).astype(np.float32) for _ in range(60)]
    truth = np.mean([values.mean(axis=0).max() for values in studies])  # each is worth 0
    assert np.mean([optimism(values, splits=100) for values in studies]) == pytest.approx(truth, rel=0.1)
    assert optimism(-studies[0], maximize=False) == pytest.approx(optimism(studies[0]))


def test_a_best_that_stands_alone_owes_nothing_to_having_been_picked():
    values = values_of(np.random.default_rng(11), 500, 3, gain=2.0)
    assert optimism(values) == pytest.approx(0, abs=1e-6) and optimism(values[:, :1]) == 0
