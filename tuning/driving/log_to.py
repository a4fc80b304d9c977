"""Trials in TensorBoard, MLflow or Weights & Biases beside the store, by Ray's own callbacks (`--log-to`).

Each tool sees a trial as `trial-00003` of an experiment named like the study, with its parameters and metrics flat. A
tool that fails does not end a search: what it was told is lost, and after a few failures in a row it is told no more.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ray import tune
from ray.air.constants import TRAINING_ITERATION
from ray.tune.logger import LoggerCallback

from tuning.choices import LogTarget
from tuning.errors import SearchError
from tuning.files.results import log_name
from tuning.files.storage import Storage

logger = logging.getLogger(__name__)

_PACKAGES: dict[LogTarget, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
_WITH_FOLDERS = ("tensorboard", "wandb")
"""Tools that have a folder for each trial."""
_MOST_FAILURES = 3
_WANDB_SECONDS = 60
"""To wait at the end of a search for what is still to be sent."""


def require_log_targets(targets: Collection[LogTarget], url: str) -> None:
    """See that each tool is installed and has a place to write to; `url` is the study's storage path.

    Raises:
        SearchError: the first one that is not, or has not.
    """
    for target in targets:
        if find_spec(_PACKAGES[target]) is None:
            raise SearchError(f"--log-to {target} needs the package {_PACKAGES[target]}: pip install 'athwe[{target}]'")
    if "://" in url and "tensorboard" in targets:
        raise SearchError(f"--log-to tensorboard writes to a local --storage-path, not to {url}: leave it out")
    if "://" in url and "mlflow" in targets and not os.environ.get("MLFLOW_TRACKING_URI"):
        raise SearchError(f"--log-to mlflow cannot write to {url}: set MLFLOW_TRACKING_URI to that of a server")


def log_callbacks(targets: Collection[LogTarget], study_name: str, storage: Storage) -> list[tune.Callback]:
    """A callback for each tool."""
    makers = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
    return [LogCallback(target, makers[target], study_name, storage) for target in targets]


@dataclass(eq=False)
class LoggedTrial:
    """As much of a Ray trial as its callbacks ask for, with names and parameters that people know."""

    number: int
    trial_id: str
    config: Mapping[str, Any]
    local_path: str
    """Folder of its own."""
    experiment_dir_name: str
    evaluated_params: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.evaluated_params = self.config

    def init_local_path(self) -> None:
        """Make its folder."""
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        return trial_name(self.number)


def trial_name(number: int) -> str:
    """What a trial is called in every tool.

    >>> trial_name(3)
    'trial-00003'
    """
    return f"trial-{number:05d}"


def logged_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """An epoch's metrics, by names that every tool takes; the epoch is the step.

    >>> logged_metrics({"valid/ndcg@10": 0.5, "epoch": 2, "pid": 7})
    {'valid/ndcg_at_10': 0.5, 'training_iteration': 2}
    """
    metrics: dict[str, float] = {
        key: value for key, value in result.items() if "/" in key and isinstance(value, int | float)
    }
    return {key.replace("@", "_at_"): value for key, value in metrics.items()} | {TRAINING_ITERATION: result["epoch"]}


class LogCallback(tune.Callback):
    """Passes Ray's events to one tool's callback, which is made when the run begins."""

    def __init__(
        self, target: LogTarget, make: Callable[[str, Storage], LoggerCallback], study_name: str, storage: Storage
    ):
        self._target = target
        self._make = make
        self._study_name = study_name
        self._storage = storage
        self._tool: LoggerCallback | None = None
        self._trials: dict[int, LoggedTrial] = {}
        """Those at work, by number."""
        self._failures = 0
        """In a row."""

    def setup(self, *_: Any, **__: Any) -> None:
        """The run begins."""

        def begin() -> None:
            tool = self._make(self._study_name, self._storage)
            tool.setup()
            self._tool = tool

        self._tell(begin)

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """A worker has the trial, for the first time or again."""
        number = trial.config["number"]
        logged = self._trials.setdefault(number, self._logged(trial))
        if self._target in _WITH_FOLDERS:
            self._tell(logged.init_local_path)
        self._tell_tool("log_trial_start", logged)

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:
        """An epoch; the report of a failure has no metrics."""
        logged = self._trials.get(trial.config["number"])
        if logged and "epoch" in result:
            self._tell_tool("log_trial_result", iteration, logged, logged_metrics(result))

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """The trial ended, or reported a failure as its last."""
        self._end(trial, failed="failure" in (trial.last_result or {}))

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Ray gave the trial up."""
        self._end(trial, failed=True)

    def on_experiment_end(self, trials: list, **info: Any) -> None:
        """Trials in flight end with the run."""
        for logged in list(self._trials.values()):
            self._tell_tool("log_trial_end", logged, True)
        self._trials.clear()
        self._tell_tool("on_experiment_end", [])

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles its callbacks; open files cannot be pickled and are not needed there."""
        return {}

    def _end(self, trial: Any, failed: bool) -> None:
        logged = self._trials.pop(trial.config["number"], None)
        if logged:
            self._tell_tool("log_trial_end", logged, failed)

    def _logged(self, trial: Any) -> LoggedTrial:
        number, storage = trial.config["number"], self._storage
        folder = f"{log_name(self._target, self._study_name)}/{trial_name(number)}"
        path = storage.path(folder) if storage.is_local else trial.local_path
        return LoggedTrial(number, trial.trial_id, dict(trial.config["params"]), path, self._study_name)

    def _tell_tool(self, event: str, *facts: Any) -> None:
        if self._tool is not None:
            self._tell(partial(getattr(self._tool, event), *facts))

    def _tell(self, hook: Callable[[], object]) -> None:
        if self._failures >= _MOST_FAILURES:
            return
        try:
            hook()
            self._failures = 0
        except Exception as error:  # whatever a tool raises: Ray would end the whole run
            self._failures += 1
            rest = "is told no more" if self._failures >= _MOST_FAILURES else "the search goes on"
            logger.warning(
                "%s failed, %s: %s", self._target, rest, " ".join(str(error).split()) or type(error).__name__
            )


def _tensorboard(study_name: str, storage: Storage) -> LoggerCallback:
    from ray.tune.logger import TBXLoggerCallback

    return TBXLoggerCallback()


def _mlflow(study_name: str, storage: Storage) -> LoggerCallback:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # trials wait while a server is asked again
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        folder = Path(storage.path("mlflow"))
        folder.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{folder}/mlflow.db"
    return MLflowLoggerCallback(tracking_uri=uri, experiment_name=study_name)


def _wandb(study_name: str, storage: Storage) -> LoggerCallback:
    if not os.environ.get("WANDB_API_KEY"):
        os.environ.setdefault("WANDB_MODE", "offline")  # files, for `wandb sync` later
    os.environ.setdefault("WANDB_SILENT", "true")
    from ray.air.integrations.wandb import WandbLoggerCallback

    mode = os.environ.get("WANDB_MODE", "online")
    project = os.environ.get("WANDB_PROJECT", "athwe")
    return WandbLoggerCallback(project, study_name, upload_timeout=_WANDB_SECONDS, mode=mode)
