"""Between Optuna and Ray Tune: Optuna proposes, Ray runs. What comes of a trial goes through the journal."""

import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from ray.tune.search import Searcher

from athwe.config import Config
from athwe.config_files import override_config
from athwe.errors import ConfigError
from tuning.books.journal import Journal
from tuning.books.writes import DATABASE_AWAY
from tuning.planning.space import SearchSpace
from tuning.planning.spec import SamplerSettings
from tuning.proposing.proposals import RESUME_CHECKPOINT, RETRY_OF, enqueue_unbegun
from tuning.schema import CUT_OFF, INVALID, WORKER_LOST

logger = logging.getLogger(__name__)

_MAX_REJECTIONS = 200


def make_sampler(settings: SamplerSettings, seed: int) -> BaseSampler:
    """The sampler of a search."""
    if settings.name == "random":
        return RandomSampler(seed=seed)
    if settings.name == "nsga2":
        return NSGAIISampler(population_size=settings.population, seed=seed)
    with warnings.catch_warnings(action="ignore"):  # three arguments are experimental
        return TPESampler(
            n_startup_trials=settings.startup_trials, multivariate=True, group=True, constant_liar=True, seed=seed
        )


class OptunaSearcher(Searcher):
    """Asks Optuna for the next trial; refuses what cannot run or ran already, before it runs.

    Ray's own `OptunaSearch` tells pruned trials as complete and leaves diverged ones running, so nothing is told here:
    the callback sees how each trial really ended.
    """

    def __init__(self, study: optuna.Study, space: SearchSpace, config: Config, journal: Journal):
        super().__init__()
        self._study = study
        self._distributions = space.distributions()
        self._config = config
        self._journal = journal
        self._is_unsettled = False
        """Whether the store went away while Optuna drew a trial, which nobody knows of then."""
        self._ran = {_key(trial.params): trial.number for trial in study.get_trials(deepcopy=False) if _has_run(trial)}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's number, params and the checkpoint to go on from; None while the store is away."""
        for _ in range(_MAX_REJECTIONS):
            if not self._journal.flush():
                return None
            try:
                self._settle()
                trial = self._ask()
            except DATABASE_AWAY as error:
                logger.debug("no proposal while the store is away: %s", error)
                self._is_unsettled = True
                return None
            retry_of = trial.user_attrs.get(RETRY_OF)
            refusal = None if retry_of is not None else self._refusal(trial.params)
            if refusal is None:
                self._ran[_key(trial.params)] = trial.number
                checkpoint = trial.user_attrs.get(RESUME_CHECKPOINT)
                self._journal.proposed(trial.number, trial.params, retry_of, checkpoint)
                return {
                    "number": trial.number,
                    "params": trial.params,
                    RETRY_OF: retry_of,
                    RESUME_CHECKPOINT: checkpoint,
                }
            self._journal.rejected(trial.number, trial.params, refusal)
        logger.warning("no new trial among %d proposals: the search space seems used up", _MAX_REJECTIONS)
        return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Nothing: see the class."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: a search is resumed from the store."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing, as above."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, as above."""

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles its whole configuration; a live engine cannot be pickled and is not needed there."""
        return {}

    def _settle(self) -> None:
        """Propose again what was lost when the store went away."""
        if not self._is_unsettled:
            return
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in self._journal.records:
                enqueue_unbegun(self._study, trial, self._distributions)
                self._journal.rejected(trial.number, trial.params, "the store went away while it was proposed")
        self._is_unsettled = False

    def _ask(self) -> optuna.Trial:
        with warnings.catch_warnings(action="ignore"):  # trial 0 may lie outside the ranges
            return self._study.ask(self._distributions)

    def _refusal(self, params: Mapping[str, Any]) -> str | None:
        number = self._ran.get(_key(params))
        if number is not None:
            return f"the same parameters as trial {number}"
        try:
            override_config(self._config, params)
        except ConfigError as error:
            return str(error)
        return None


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)


def _has_run(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial need not be run again."""
    return trial.user_attrs.get("reason") not in (INVALID, WORKER_LOST, *CUT_OFF) and bool(trial.params)
