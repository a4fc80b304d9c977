"""Successive halving: of the trials that came to a rung so far, the best ones go on."""

import math
from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import ASHAScheduler

from tuning.pruning.audited import Audit, Audited

EARLIER = "earlier-{}"
"""Name on the rungs of a trial of an earlier driver."""


class AuditedASHA(Audited, ASHAScheduler):
    """Ray's, with rungs that outlive a driver."""

    def __init__(self, spared: Mapping[str, Any], audit: Audit, max_t: int, **options: Any):
        super().__init__(spared, audit, last_epoch=max_t, max_t=max_t, **options)

    @property
    def rung_epochs(self) -> list[int]:
        """Epochs after which trials are judged, in their order; the last epoch of all is none."""
        (bracket,) = self._brackets
        milestones = sorted(math.ceil(milestone) for milestone, _ in bracket._rungs)
        return [epoch for epoch in milestones if epoch < self._last_epoch]

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial that goes on with one of an earlier driver has its places on the rungs."""
        super().on_trial_add(tune_controller, trial)
        earlier = EARLIER.format(trial.config.get("retry_of"))
        for _, recorded in (rung for bracket in self._brackets for rung in bracket._rungs):
            if earlier in recorded:
                recorded[trial.trial_id] = recorded.pop(earlier)
