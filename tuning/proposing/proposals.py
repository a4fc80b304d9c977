"""Trials that Optuna is to propose next, and what they carry with them."""

from collections.abc import Collection
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial

RESUME_CHECKPOINT, RETRY_OF, INSTEAD_OF = "resume_checkpoint", "retry_of", "instead_of"
"""Attributes of an enqueued trial: the checkpoint it goes on from, the trial it goes on with, and the proposal that
nobody came to run, whose place it takes."""


def enqueue_unbegun(study: Study, trial: FrozenTrial, names: Collection[str]) -> None:
    """Propose once more what was proposed when its driver died or the store went away, before anybody knew of it.

    Where Optuna had not come to draw all of it, only what was enqueued by us is known; else another will be drawn.

    Args:
        names: of all parameters.
    """
    if any(other.user_attrs.get(INSTEAD_OF) == trial.number for other in study.get_trials(deepcopy=False)):
        return
    is_whole = trial.params.keys() == set(names)
    params: dict[str, Any] = trial.params if is_whole else trial.system_attrs.get("fixed_params", {})
    if params:
        kept = {name: trial.user_attrs[name] for name in (RESUME_CHECKPOINT, RETRY_OF) if name in trial.user_attrs}
        study.enqueue_trial(params, user_attrs=kept | {INSTEAD_OF: trial.number})
