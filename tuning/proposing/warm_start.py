"""Start a study from what another one found."""

import math
from typing import Any

from optuna.distributions import CategoricalDistribution

from tuning.books.record import best_trials
from tuning.errors import SearchError
from tuning.planning.space import SearchSpace
from tuning.store import Store

TRIALS = 5
"""How many of the other study's best are tried first."""


def best_params(store: Store, study_name: str, space: SearchSpace, most: int = TRIALS) -> list[dict[str, Any]]:
    """The params of another study's best trials, best first, as far as they lie in this space.

    A parameter that the other study did not search, or whose value is out of range here, is left for the sampler.

    Raises:
        SearchError: no such study, none of its trials is complete, or it shares no parameter with this space.
    """
    row = store.study(study_name)
    if row is None:
        raise SearchError(f"--warm-start: no study {study_name!r} in this store")
    ranked = best_trials(store.trials(study_name).to_dict("records"), row["direction"] == "maximize")
    if not ranked:
        raise SearchError(f"--warm-start: study {study_name!r} has no complete trial to start from")
    found: list[dict[str, Any]] = []
    for params in (trial["params"] for trial in ranked):
        kept = {name: value for name, value in params.items() if _fits(space, name, value)}
        if kept and kept not in found:
            found.append(kept)
    if not found:
        raise SearchError(f"--warm-start: nothing that study {study_name!r} searched lies in this search space")
    return found[:most]


def _fits(space: SearchSpace, name: str, value: Any) -> bool:
    distribution = space.distributions().get(name)
    if distribution is None:
        return False
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return is_number and distribution._contains(distribution.to_internal_repr(value))
