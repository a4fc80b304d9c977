"""Ray Tune's events, passed to the journal. Nothing here may raise: an exception in a callback ends the whole run."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from ray import tune

from tuning.books.journal import Journal
from tuning.driving.progress import Progress
from tuning.schema import STORAGE_FULL
from tuning.training.endings import Ending, ending_of, failure_of
from tuning.user_ranks import USER_RANKS

logger = logging.getLogger(__name__)


def _never_raises(hook: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(hook)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            hook(*arguments, **options)
        except Exception:
            logger.exception("%s failed; the search goes on", hook.__name__)

    return wrapped


def _forget_statistics(trial: Any) -> None:
    """Ray keeps the means of every metric of every trial, two thirds of what a trial adds to the driver's memory."""
    (trial.last_result or {}).pop(USER_RANKS, None)
    trial.run_metadata.metric_analysis.clear()
    trial.run_metadata.metric_n_steps.clear()


class SearchCallback(tune.Callback):
    """Lives in the driver, the only writer of the store."""

    def __init__(
        self, journal: Journal, progress: Progress, verdicts: dict[int, int], storage_is_full: Callable[[], None]
    ):
        self._journal = journal
        self._progress = progress
        self._verdicts = verdicts
        """Of the pruner: epoch in which it gave a trial up, by number."""
        self._storage_is_full = storage_is_full
        """Called when a trial ended for want of room, as every other one would."""
        self._stopped: set[int] = set()
        """Trials whose last result the scheduler answered with a stop."""

    @_never_raises
    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        """Every tenth of a second or so."""
        self._journal.flush()
        self._progress.update(self._journal.records)

    @_never_raises
    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """A worker has the trial, for the first time or again."""
        number = trial.config["number"]
        if (epoch := self._journal.records[number].pruned_epoch) is not None:
            self._verdicts[number] = epoch  # it goes on with a trial that is audited
        self._journal.started(number)

    @_never_raises
    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:
        """An epoch, or the report of a failure."""
        number = trial.config["number"]
        if result.get("done"):
            self._stopped.add(number)
        if "epoch" in result:
            self._journal.reported(number, result)
        if not result.get("done"):  # the pruner has seen the ranks, at the trial's end it sees its last ones again
            result.pop(USER_RANKS, None)
        if number in self._verdicts and not result.get("done"):
            self._journal.given_up(number, self._verdicts[number])

    @_never_raises
    def on_checkpoint(self, iteration: int, trials: list, trial: Any, checkpoint: Any, **info: Any) -> None:
        """A checkpoint has arrived in the storage path."""
        self._journal.checkpointed(trial.config["number"], checkpoint.path)

    @_never_raises
    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """The trial ended by itself or was stopped by the scheduler."""
        number = trial.config["number"]
        record = self._journal.records[number]
        stopped, last = number in self._stopped, trial.last_result or {}
        broken = record.over_limit or (self._journal.falls_short(number) if last.get("finished") else None)
        self._ended(number, ending_of(last, record.best_value, stopped, broken))
        _forget_statistics(trial)

    @_never_raises
    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """The worker was lost more often than a trial is taken up again, or Ray itself failed."""
        number = trial.config["number"]
        error = trial.get_pickled_error() or RuntimeError(trial.get_error() or "lost without a word")
        self._ended(number, failure_of(error))
        _forget_statistics(trial)

    @_never_raises
    def on_trial_recover(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """The worker was lost; Ray starts the trial again from its checkpoint, and it repeats an epoch at most."""
        logger.warning("trial %d lost its worker and goes on from its checkpoint", trial.config["number"])

    def _ended(self, number: int, ending: Ending) -> None:
        if ending.reason == STORAGE_FULL:
            self._storage_is_full()
        self._journal.ended(number, ending)
        self._progress.trial_ended(self._journal.records[number])

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles its callbacks; a live engine cannot be pickled and is not needed there."""
        return {}
