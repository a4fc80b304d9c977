"""What earlier drivers of a study have heard: the pruner's rungs are made of it."""

from tuning.pruning import trained
from tuning.pruning.pruner import Report
from tuning.store import Store


def reports_of(store: Store, study_name: str, objective: str, with_ranks: bool = False) -> list[Report]:
    """Every value of the objective that was reported, in the order in which the driver heard of them.

    A trial that went on under another number has its epochs there.

    Args:
        with_ranks: read the users' ranks, too, which take some kilobytes an epoch.
    """
    ranks = trained.ranks_of(store, study_name) if with_ranks else {}
    return trained.reports_of(trained.trained_trials(store, study_name, objective), ranks)
