"""How trials go and end, in Optuna's tables."""

from collections.abc import Mapping, Sequence

from optuna import Study
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import TrialState

from tuning.books.record import TrialRecord
from tuning.planning.limits import excesses, shortfall
from tuning.planning.spec import Limits
from tuning.schema import COMPLETE, FAIL, OVER_LIMIT
from tuning.training.endings import Ending


class OptunaTrials:
    """Writes straight to Optuna's storage, by the trials' numbers: `Study.tell` refuses a value for a pruned trial."""

    def __init__(self, study: Study, objectives: Sequence[str], limits: Limits):
        self._tables = study._storage
        self._study_id = study._study_id
        self._objectives = objectives
        self._limits = limits

    def report(self, number: int, epoch: int, value: float) -> None:
        """The first objective after an epoch."""
        self._tables.set_trial_intermediate_value(self._key(number), epoch, value)

    def copy_reports(self, old: int, new: int) -> None:
        """Give a trial the reports of the one that it goes on with."""
        for epoch, value in self._tables.get_trial(self._key(old)).intermediate_values.items():
            self.report(new, epoch, value)

    def end(self, record: TrialRecord, ending: Ending, values: Mapping[str, float]) -> None:
        """The trial is over, with `values` by objective; Optuna would take a pruned one's last epoch's."""
        key = self._key(record.number)
        if self._tables.get_trial(key).state.is_finished():
            return  # written before, by a try whose answer was lost
        if ending.reason:
            self._tables.set_trial_user_attr(key, "reason", ending.reason)
        if ending.error:
            self._tables.set_trial_user_attr(key, "error", ending.error.splitlines()[-1][:500])
        if ending.state != FAIL:
            for name, excess in self._constraints(record, ending).items():
                self._tables.set_trial_system_attr(key, f"{_CONSTRAINTS_KEY}:{name}", excess)
        told = [values[name] for name in self._objectives if name in values]
        is_whole = ending.state != FAIL and len(told) == len(self._objectives)
        self._tables.set_trial_state_values(key, TrialState[ending.state], told if is_whole else None)

    def _constraints(self, record: TrialRecord, ending: Ending) -> dict[str, float]:
        found = excesses(self._limits, record.train_seconds, record.memory_bytes)
        if ending.state == COMPLETE or (ending.reason == OVER_LIMIT and not record.over_limit):  # at its own end
            found |= shortfall(self._limits, record.worst_slice)
        return found

    def _key(self, number: int) -> int:
        return self._tables.get_trial_id_from_study_id_trial_number(self._study_id, number)
