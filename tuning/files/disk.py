"""A study's files under its storage path: room for them, and the deleting of those that are not wanted any more."""

import logging
import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from athwe.config import Config
from athwe.data import Dataset
from tuning.console import counted
from tuning.errors import SearchError
from tuning.files.results import (
    DIAGNOSTICS,
    MODELS,
    RECOMMENDATIONS,
    diagnostics_name,
    model_name,
    ray_name,
    recommendations_name,
)
from tuning.files.retention import Trial, models_over_budget, most_bytes, most_models, size_text, unwanted_models
from tuning.files.storage import Storage
from tuning.planning.spec import Spec

logger = logging.getLogger(__name__)

_STATE = "checkpoint_"
"""What Ray's names of a trial's training states begin with."""


@dataclass(frozen=True)
class DiskRules:
    """What decides how much a study keeps."""

    keep_models: int
    maximize: bool
    trials: int
    at_work: int
    budget: int | None = None
    """Most bytes of models, per-user results and training states together; None: no other limit than these."""

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """The rules of a study."""
        maximize = spec.direction == "maximize"
        size = (spec.settings.trials, spec.concurrency, spec.disk_budget_bytes)
        return cls(spec.settings.keep_models, maximize, *size)


class Disk:
    """Deletes only what is named after the study or one of its trials: others may have the same storage path.

    What cannot be deleted stays, with a line in the log; a search does not end for that.
    """

    def __init__(self, storage: Storage, study_name: str, rules: DiskRules):
        self.storage = storage
        self._study_name = study_name
        self._rules = rules
        self._without_model: set[int] = set()
        """Trials whose model is deleted."""
        self._budget_is_stated = False
        self._is_told_over_budget = False
        """Whether it was said that the budget cannot be kept."""
        self._looked_at = -math.inf
        self._own = re.compile(rf"{re.escape(study_name)}\.(\d+)(\.parquet|\.json)?")
        """Names of a trial's model, per-user results and diagnostics."""
        self._half = re.compile(rf"\.{re.escape(study_name)}\.\d+(\.parquet|\.json|\.txt)?\.(\d+\.)?(tmp|old)")
        """Names of this study's files that are being written; a study's name may be the beginning of another's."""

    def tidy(self, trials: Mapping[int, Trial]) -> None:
        """Delete what earlier drivers of the study had no time to: training states that no trial goes on from, models
        that are not wanted, files half-written."""
        self._delete_orphans({trial.checkpoint for trial in trials.values() if trial.checkpoint})
        unwanted = unwanted_models(trials, self._rules.keep_models, self._rules.maximize)
        unwanted_ids = {self._trial_id(number) for number in unwanted}
        for folder in (MODELS, RECOMMENDATIONS, DIAGNOSTICS):
            for name in self._listed(folder):
                is_half = self._half.fullmatch(name) is not None
                if is_half or (folder == MODELS and name in unwanted_ids):
                    self._delete(f"{folder}/{name}")
        self._without_model |= unwanted
        self.keep_to_budget(trials)

    def _delete_orphans(self, wanted: set[str]) -> None:
        """Training states that the store does not know: a driver was killed before it heard of them or deleted them."""
        folder = ray_name(self._study_name)
        drivers = [f"{folder}/{name}" for name in self._listed(folder)]
        trials = [f"{driver}/{name}" for driver in drivers for name in self._listed(driver) if name[:6] == "trial-"]
        names = {self.storage.name_of(path) for path in wanted}
        if None in names:  # the storage path was moved, or is written in another way: nothing is certain then
            return
        for state in [f"{trial}/{name}" for trial in trials for name in self._listed(trial)]:
            if state not in names:
                self._delete(state)

    def usable_checkpoint(self, path: str) -> str | None:
        """The training state at `path`; where that is gone, the newest of the same trial that is there, or None.

        The store may have heard of the last one too late, or not at all.
        """
        name = self.storage.name_of(path)
        if name is None or self.storage.exists(name):
            return path  # elsewhere nothing is known of it
        trial = name.rpartition("/")[0]
        states = [state for state in self._listed(trial) if state.startswith(_STATE)]
        return self.storage.path(f"{trial}/{states[-1]}") if states else None

    def delete_models(self, trials: Mapping[int, Trial]) -> None:
        """Delete the models of ended trials that are not wanted any more."""
        unwanted = unwanted_models(trials, self._rules.keep_models, self._rules.maximize)
        for number in sorted(unwanted - self._without_model):
            self._delete(model_name(self._trial_id(number)))
            self._without_model.add(number)
        self.keep_to_budget(trials)

    def keep_to_budget(self, trials: Mapping[int, Trial], at_most_every_seconds: float = 0.0) -> None:
        """Delete models, the worst trials' first, until what the study keeps is within the budget, where there is one.

        Training states, per-user results and the best trial's model stay; where they alone are too much, that is said
        once.
        """
        budget = self._rules.budget
        if budget is None or time.monotonic() - self._looked_at < at_most_every_seconds:
            return
        self._looked_at = time.monotonic()
        try:
            models, used = self._used()
        except OSError as error:  # a worker has just replaced what was being counted: the next epoch is soon
            logger.debug("what the study takes on disk could not be seen: %s", error)
            return
        going = models_over_budget(trials, self._rules.maximize, models, used - budget)
        for number in going:
            self._delete(model_name(self._trial_id(number)))
        left = used - sum(models[number] for number in going)
        if going:
            which = f"model{'s' * (len(going) > 1)} of trial{'s' * (len(going) > 1)} {', '.join(map(str, going))}"
            text = "the disk budget of %s: %s were used, without the %s it is %s"
            logger.info(text, size_text(budget), size_text(used), which, size_text(left))
        if left > budget and not self._is_told_over_budget:
            self._is_told_over_budget = True
            logger.warning(
                "the disk budget of %s cannot be kept: %s are used with no model but the best one's and those at work; "
                "give a larger --disk-budget with --resume, or a smaller --concurrency",
                *(size_text(budget), size_text(left)),
            )

    def _used(self) -> tuple[dict[int, int], int]:
        """Bytes of the models that are there, by number of their trials, and of all that counts for the budget."""
        found = {folder: self.storage.sizes(folder) for folder in (MODELS, RECOMMENDATIONS, DIAGNOSTICS)}
        own = {
            folder: {int(mine[1]): size for name, size in sizes.items() if (mine := self._own.fullmatch(name))}
            for folder, sizes in found.items()
        }
        states = self.storage.bytes_of(ray_name(self._study_name))
        return own[MODELS], states + sum(sum(sizes.values()) for sizes in own.values())

    def delete_checkpoints(self, paths: Iterable[str]) -> None:
        """Delete training states, by their paths in the file system, that no trial goes on from any more."""
        for path in paths:
            name = self.storage.name_of(path)
            if name is None or not name.startswith("ray/"):
                logger.warning("the checkpoint %s is not below the storage path and stays", path)
            else:
                self._delete(name)
                folder, _, state = name.rpartition("/")
                if state.startswith(_STATE):  # Ray keeps an earlier one beside it
                    for other in self._listed(folder):
                        if other.startswith(_STATE):
                            self._delete(f"{folder}/{other}")

    def state_budget(self, number: int, checkpoint: str | None) -> None:
        """Say once, when the first files of a trial are there, what the study comes to."""
        if self._budget_is_stated:
            return
        self._budget_is_stated = True
        storage, trial_id = self.storage, self._trial_id(number)
        try:
            model = storage.bytes_of(model_name(trial_id))
            names = (recommendations_name(trial_id), diagnostics_name(trial_id))
            results = sum(storage.bytes_of(name) for name in names)
            name = checkpoint and storage.name_of(checkpoint)
            state = storage.bytes_of(name) if name else 0
            free = storage.free_bytes()
        except OSError as error:
            logger.warning("what the study takes on disk could not be seen: %s", error)
            return
        logger.info("%s", budget_text(self._rules, model, state, results, free))
        if self._rules.budget is not None:
            self._state_use(self._rules.budget)
        most = most_bytes(
            model, state, results, keep=self._rules.keep_models, at_work=self._rules.at_work, trials=self._rules.trials
        )
        if free is not None and free < min(most, self._rules.budget or most):
            logger.warning("that is more than the %s free at %s", size_text(free), storage.url)

    def _state_use(self, budget: int) -> None:
        try:
            used = self._used()[1]
        except OSError as error:
            logger.debug("what the study takes on disk could not be seen: %s", error)
            return
        text = "the disk budget is %s, %s of it used now: where it is not enough, the worst of these models go"
        logger.info(text, size_text(budget), size_text(used))

    def _trial_id(self, number: int) -> str:
        return f"{self._study_name}.{number}"

    def _listed(self, folder: str) -> list[str]:
        try:
            return self.storage.names(folder)
        except OSError as error:
            logger.warning("cannot look for old files in %s: %s", folder, error)
            return []

    def _delete(self, name: str) -> None:
        try:
            self.storage.delete(name)
        except OSError as error:
            logger.warning("cannot delete %s, which is not wanted any more: %s", name, error)


def require_room(storage: Storage, dataset: Dataset, config: Config, budget: int | None = None) -> None:
    """See before the start that the files of a trial could fit, on the disk and within the budget.

    Raises:
        SearchError: not even the least that a trial needs.
    """
    free, least = storage.free_bytes(), least_bytes(dataset, config)
    if budget is not None and budget < least:
        raise SearchError(
            f"the disk budget is {size_text(budget)}, a trial needs {size_text(least)} at least: give a larger "
            "--disk-budget"
        )
    if free is not None and free < least:
        raise SearchError(
            f"the storage path {storage.url} has {size_text(free)} free, a trial needs {size_text(least)} at least: "
            "make room, or give another --storage-path"
        )


def least_bytes(dataset: Dataset, config: Config) -> int:
    """Less than the files of any trial: the items' embedding alone, as it stands in a model and four times in a
    training state (weights, best weights, two moments of Adam)."""
    return 5 * 4 * dataset.n_items * config.hidden_size


def budget_text(rules: DiskRules, model: int, state: int, results: int, free: int | None) -> str:
    """What a study takes at most, with what it is made of."""
    total = most_bytes(model, state, results, keep=rules.keep_models, at_work=rules.at_work, trials=rules.trials)
    models = most_models(rules.keep_models, rules.at_work, rules.trials)
    room = "" if free is None else f"; {size_text(free)} free now"
    return (
        f"on disk at most {size_text(total)} if every trial is as large as this one: "
        f"{counted(models, 'model')} of {size_text(model)}, "
        f"{counted(2 * rules.at_work, 'training state')} of {size_text(state)}, per-user results of "
        f"{counted(rules.trials, 'trial')} of {size_text(results)}{room}"
    )
