"""What a sampler takes to propose a trial, by how many trials there are to learn from."""

import time
import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from tuning.choices import SamplerName
from tuning.planning.spec import SamplerSettings
from tuning.proposing.sampler import make_sampler
from tuning.proposing.search_study import SearchStudy

_ASKS = 5


def ask_seconds(
    sampler: SamplerName, trials: Sequence[FrozenTrial], direction: str, space: dict[str, BaseDistribution]
) -> float:
    """Median wall seconds of a proposal after these trials, which a study in memory holds by their first value."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="proposals", storage=storage, direction=direction)
    study.add_trials(
        [_with_one_value(trial) for trial in trials if trial.number]
    )  # the first may lie out of the ranges
    study = SearchStudy("proposals", storage, sampler=make_sampler(SamplerSettings(name=sampler), seed=0))
    seconds = []
    for _ in range(_ASKS):
        started = time.perf_counter()
        with warnings.catch_warnings(action="ignore"):  # trial 0 may lie outside the ranges
            study.ask(space)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def total_seconds(counts: Sequence[int], seconds: Sequence[float]) -> float:
    """Of all proposals up to the last count, straight lines in between."""
    return float(np.trapz(seconds, counts))


def _with_one_value(trial: FrozenTrial) -> FrozenTrial:
    return optuna.trial.create_trial(
        state=trial.state,
        values=trial.values[:1] if trial.values else None,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values=trial.intermediate_values,
        user_attrs=trial.user_attrs,
    )
