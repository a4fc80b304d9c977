"""What earlier drivers of a study have heard: the pruner's rungs are made of it."""

from tuning import trained
from tuning.pruner import Report
from tuning.schema import CANCELLED, RUNNING, WORKER_LOST
from tuning.store import Store


def reports_of(store: Store, study_name: str, objective: str) -> list[Report]:
    """Every value of the objective that an ended trial reported, in the order in which the driver heard of them.

    Trials that were cut off, or go on under another number, are left out: they report again.
    """
    trials = trained.trained_trials(store, study_name, objective)
    cut_off = (CANCELLED, WORKER_LOST)
    return trained.reports_of(trial for trial in trials if trial.state != RUNNING and trial.reason not in cut_off)
