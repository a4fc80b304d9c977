"""The study as a sampler is to see it, which is a little more than Optuna shows."""

from collections.abc import Container

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tuning.schema import DIVERGED, OUT_OF_MEMORY, TIMED_OUT

_CANNOT_RUN = (DIVERGED, OUT_OF_MEMORY, TIMED_OUT)
"""Failures that are the parameters' doing, so that others like them would fail, too."""


class SearchStudy(Study):
    """A study whose samplers learn from every ending.

    Optuna's samplers pass over failed trials and would propose again what needs too much memory: here those that fail
    by their parameters stand among the pruned ones as infeasible. And with several objectives its TPE asks for the
    direction that pruned trials were judged by, which raises: it is the first objective's.
    """

    @property
    def direction(self) -> StudyDirection:
        """Of the first objective."""
        return self.directions[0]

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        found = super()._get_trials(deepcopy, states, use_cache)
        if states is None or TrialState.PRUNED not in states or TrialState.FAIL in states:
            return found
        failed = super()._get_trials(deepcopy=False, states=(TrialState.FAIL,), use_cache=use_cache)
        learned = [_infeasible(trial) for trial in failed if _is_to_be_learned(trial)]
        return sorted([*found, *learned], key=lambda trial: trial.number) if learned else found


def _is_to_be_learned(trial: FrozenTrial) -> bool:
    return trial.user_attrs.get("reason") in _CANNOT_RUN and bool(trial.params)


def _infeasible(trial: FrozenTrial) -> FrozenTrial:
    """The same trial as one that was pruned since it cannot be had.

    Not by `create_trial`, which refuses values out of range: those of trial 0, the configuration at hand, may be.
    """
    infeasible = FrozenTrial(
        number=trial.number,
        trial_id=trial._trial_id,
        state=TrialState.PRUNED,
        value=None,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
    infeasible.set_constraint("runs", 1.0)
    return infeasible
