"""Which of several models cannot be told from the best: a paired bootstrap over users (`docs/evaluation.md`, Ties).

Every model has one value a user, on the same users. Random are the users, and in `compare_over_seeds` the seeds of
training, too.

- `p` is the two-sided bootstrap test of a mean difference to the best, under the null by centring: the share of
  resamples whose difference lies as far from the observed one as that lies from 0 (Efron and Tibshirani 1993, chapter
  16.4), one added to both counts so that it is never 0 (Davison and Hinkley 1997, chapter 4.2).
- `p_holm` is Holm's step-down correction of these for the number of models (Holm 1979). It does not hold what it
  promises: the best was picked by the very users it is compared on. Of 600 simulated studies of identical models at
  alpha .05 it called a model different in 4.7 % (2 models, 300 users), 8.5 % (5, 60 users), 14.2 % (12, 300 users)
  (`benchmarks/ties_calibration.py`).
- `p_adjusted`, by which the tie set is made, mends that: Holm's steps, but each holds the largest studentised
  difference against that of a resample between *any* two of the models that are still in, whichever were the best
  (Romano and Wolf 2005; with all pairs in it as in Hansen, Lunde and Nason 2011). The same studies: 4.7, 4.0, 3.3 %.
"""

from dataclasses import dataclass

import numpy as np

from athwe.evaluation.resampling import resampled_means

ALPHA = 0.05
RESAMPLES = 10_000
ROUNDING = 1e-12
"""Share of two models' variances below which that of their difference is rounding: they are the same for every user."""
_BLOCK_NUMBERS = 2**20


@dataclass(frozen=True)
class TieSet:
    """One entry a model in every array. Differences are a model's mean minus the best one's."""

    best: int
    """Index of the model with the best mean, the first of those that are equal."""
    mean: np.ndarray
    difference: np.ndarray
    low: np.ndarray
    """Percentile interval of the difference at 1 - alpha, of each model by itself."""
    high: np.ndarray
    p: np.ndarray
    p_holm: np.ndarray
    p_adjusted: np.ndarray
    tied: np.ndarray
    """Whether a model is the best or cannot be told from it at alpha."""


def compare(
    values: np.ndarray, maximize: bool = True, alpha: float = ALPHA, resamples: int = RESAMPLES, seed: int = 0
) -> TieSet:
    """The tie set of models that are each trained once: what is said of them is said of these very models.

    Args:
        values: (users, models), such as NDCG; float32 is enough.
        seed: of the resampling.

    Raises:
        ValueError: fewer than two users.
    """
    _require_users(values)
    means = values.mean(axis=0, dtype=np.float64)
    deviations = _deviations(values, resamples, np.random.default_rng(seed))
    return _tie_set(means, deviations, _errors(_covariance(values)), maximize, alpha)


def compare_over_seeds(
    values: np.ndarray,
    model_of: np.ndarray,
    maximize: bool = True,
    alpha: float = ALPHA,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> TieSet:
    """The tie set of models that are trained on several seeds each: users are drawn, and within a model its seeds.

    Two or three seeds are too few to draw from them: resampled, they vary less than fresh ones would (by 1 - 1/seeds),
    and nobody knows by how much. So a model's mean gets normal noise of the sd that the seeds' means have around their
    model's, pooled over the models, and each resample draws that sd anew, as uncertain as so few seeds leave it
    (chi-squared). It takes for granted that seeds matter about equally to every model that is compared.

    Args:
        values: (users, runs), runs of all models.
        model_of: (runs,) the model of each run, from 0 on, none left out.

    Raises:
        ValueError: fewer than two users, or no model with two runs.
    """
    _require_users(values)
    counts = np.bincount(model_of)
    freedom = int((counts - 1).sum())
    if freedom < 1:
        raise ValueError("no model has two seeds: nothing is known of what a seed changes")
    run_means = values.mean(axis=0, dtype=np.float64)
    means = np.bincount(model_of, run_means) / counts
    sd = float(np.sqrt(((run_means - means[model_of]) ** 2).sum() / freedom))
    per_user = np.stack([values[:, model_of == model].mean(axis=1) for model in range(len(counts))], axis=1)

    generator = np.random.default_rng(seed)
    deviations = _deviations(per_user, resamples, generator)
    drawn_sd = sd * np.sqrt(freedom / generator.chisquare(freedom, (resamples, 1)))
    deviations += generator.standard_normal(deviations.shape) * drawn_sd / np.sqrt(counts)
    return _tie_set(means, deviations, _errors(_covariance(per_user) + np.diag(sd**2 / counts)), maximize, alpha)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p-values, in the order given.

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _deviations(values: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Resampled means less the observed ones, (resamples, models), as wide as so few users leave it.

    Resamples of n users vary by (n - 1) / n too little, and as if n users told their own sd: each is widened by an sd
    drawn anew, as Student's t is wider than the normal. At 60 users that is 2 %, at 1,000 nothing.
    """
    freedom = len(values) - 1
    deviations = resampled_means(values, resamples, generator) - values.mean(axis=0, dtype=np.float64)
    return deviations * np.sqrt(len(values) / generator.chisquare(freedom, (resamples, 1)))


def _tie_set(means: np.ndarray, deviations: np.ndarray, errors: np.ndarray, maximize: bool, alpha: float) -> TieSet:
    """Args: deviations: (resamples, models) of resampled means from the observed ones; errors: (models, models)."""
    best = int(np.argmax(means if maximize else -means))
    others = np.arange(len(means)) != best
    difference = means - means[best]
    drawn = deviations - deviations[:, [best]]
    exceeding = (np.abs(drawn) >= np.abs(difference)).sum(axis=0)
    p = (1 + exceeding) / (1 + len(drawn))
    p_holm = np.ones(len(means))
    p_holm[others] = holm(p[others])
    p_adjusted = _step_down(np.abs(difference), deviations, errors, best)
    low, high = difference + np.quantile(drawn, [alpha / 2, 1 - alpha / 2], axis=0)
    return TieSet(best, means, difference, low, high, p, p_holm, p_adjusted, p_adjusted > alpha)


def _step_down(distance: np.ndarray, deviations: np.ndarray, errors: np.ndarray, best: int) -> np.ndarray:
    """Adjusted p-values: the furthest model first, each held against the models that are not further than it."""
    scale = np.divide(1, errors, out=np.zeros_like(errors), where=errors > 0)
    # Worse by as much for every user: no resample is ever as far.
    apart_alike = (errors[best] == 0) & ~np.isclose(distance, 0)
    statistic = np.where(apart_alike, np.inf, distance * scale[best])
    adjusted, left, largest = np.ones(len(distance)), np.arange(len(distance)), 0.0
    for model in [each for each in np.argsort(-statistic, kind="stable") if each != best]:
        drawn = _largest_difference(deviations[:, left], scale[np.ix_(left, left)])
        largest = max(largest, (1 + int((drawn >= statistic[model]).sum())) / (1 + len(drawn)))
        adjusted[model] = largest
        left = left[left != model]
    return adjusted


def _largest_difference(deviations: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Of each resample, the largest studentised difference between any two models."""
    rows = max(1, _BLOCK_NUMBERS // scale.size)
    blocks = (deviations[start : start + rows] for start in range(0, len(deviations), rows))
    return np.concatenate([((one[:, :, None] - one[:, None, :]) * scale).max(axis=(1, 2)) for one in blocks])


def _covariance(values: np.ndarray) -> np.ndarray:
    """Of the models' means over users."""
    return np.atleast_2d(np.cov(values, rowvar=False, dtype=np.float64)) / len(values)


def _errors(covariance: np.ndarray) -> np.ndarray:
    """Standard errors of the differences between any two models' means, exactly 0 where models are the same.

    Left at 1e-9, the error of two equal models would make rounding the largest studentised difference of all.
    """
    variance = np.diag(covariance)
    both = variance[:, None] + variance[None, :]
    of_difference = both - 2 * covariance
    return np.sqrt(np.where(of_difference > ROUNDING * both, of_difference, 0))


def _require_users(values: np.ndarray) -> None:
    if len(values) < 2:
        raise ValueError(f"a comparison over users needs two of them at least, got {len(values)}")
