"""Racing: a trial is over once it is confidently worse, user by user, than the best one after as many epochs.

Pure. The test is of the mean, which is what a study goes by: the sum of the per-user differences, over its length were
their signs random. Nearly all differences are 0 (both models miss the user's target), and these drop out of both. Under
random signs such a sum has no more than `_FACTOR` times the tail of a normal variable (Bentkus and Dzindzalieta, A
tight Gaussian bound for weighted sums of Rademacher random variables, Bernoulli 21, 2015), for any number of users.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from athwe.evaluation.metrics import values_of
from tuning.user_ranks import ranks_from_bytes

_FACTOR = float(1 / (4 * norm.sf(np.sqrt(2))))


def p_value(difference: np.ndarray) -> float:
    """How probable a sum of differences this low is at most, if each user's is as likely up as down.

    Args:
        difference: (n,) of a trial to another one, user by user; below 0 where the trial is worse.

    >>> p_value(np.array([0.0, 0.0])), p_value(np.array([1.0, -0.5]))
    (1.0, 1.0)
    >>> round(p_value(np.full(16, -1.0)), 6), round(_FACTOR * norm.sf(4), 6)
    (0.000101, 0.000101)
    """
    length = float(np.sqrt(np.square(difference).sum()))
    return min(1.0, _FACTOR * float(norm.sf(-difference.sum() / length))) if length else 1.0


@dataclass(frozen=True)
class UserValues:
    """What each user adds to the objective, greater is better."""

    objective: str
    """Such as `valid/ndcg@10`."""
    maximize: bool

    def __call__(self, ranks: bytes) -> np.ndarray:
        """Of stored ranks."""
        metric = self.objective.partition("/")[2]
        return values_of(metric, ranks_from_bytes(ranks)) * (1 if self.maximize else -1)


class Race:
    """Who is ahead after each epoch, and whether a trial is confidently behind.

    A trial is held against the one that is best after the same epoch, of all others. It is behind if its own values
    there are, and if those of its best epoch so far are, too: these are what it counts by.

    A trial that in no epoch is truly worse than another one there is called behind with a probability of `alpha` at
    most. Each look spends `alpha / looks`, and shares that among all other trials, since the best is picked by the same
    users; shares add up however they depend on each other, so trials and epochs may be as alike as they like.
    """

    def __init__(self, looks: frozenset[int], alpha: float):
        self.looks = looks
        """Epochs after which trials are judged."""
        self._alpha = alpha
        self._known: set[int] = set()
        self._leaders: dict[int, tuple[int, np.ndarray]] = {}
        """By epoch, the best trial's number and values."""
        self._own_best: dict[int, np.ndarray] = {}
        """Of trials that run, the values of the best epoch so far."""

    def is_behind(self, number: int, epoch: int, values: np.ndarray) -> bool:
        """Whether a trial is confidently worse after an epoch; it is recorded before."""
        leader, best = self._leaders.get(epoch, (number, values))
        if epoch not in self.looks or leader == number:
            return False
        share = self._alpha / len(self.looks) / len(self._known - {number})
        return max(p_value(values - best), p_value(self._own_best[number] - best)) <= share

    def record(self, number: int, epoch: int, values: np.ndarray) -> None:
        """A trial's values after an epoch."""
        self._known.add(number)
        own = self._own_best.get(number)
        if own is None or values.mean() > own.mean():
            self._own_best[number] = values
        leader = self._leaders.get(epoch)
        if leader is None or leader[0] == number or values.mean() > leader[1].mean():
            self._leaders[epoch] = number, values

    def rename(self, old: int, new: int) -> None:
        """A trial goes on under another number."""
        if old in self._known:
            self._known = self._known - {old} | {new}
        if old in self._own_best:
            self._own_best[new] = self._own_best.pop(old)
        for epoch, (number, values) in self._leaders.items():
            if number == old:
                self._leaders[epoch] = new, values

    def forget(self, number: int) -> None:
        """A trial is over: it can still lead, but is judged no more."""
        self._own_best.pop(number, None)
