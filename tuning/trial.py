"""One trial, in the actor: the one place where athwe meets Ray."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from ray import tune

from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from athwe.evaluation.recommendations import write_recommendations
from athwe.training.trainer import EpochResult, Trainer
from tuning.endings import failure_of
from tuning.results import diagnostics_path, model_path, recommendations_path

_STATE = "state"
"""Folder of the training state inside a checkpoint."""


def run_trial(
    proposal: Mapping[str, Any], *, dataset: Dataset, config: Config, study_name: str, storage_path: str, threads: int
) -> None:
    """Train one proposal and report every epoch, with a checkpoint.

    An exception is reported like an epoch instead of raised: Ray would take any error for a lost worker and try
    the trial again, and a diverged one diverges again.

    Args:
        proposal: `number`, `params` by config key, and `resume_checkpoint` of the trial it goes on with, or None.
        dataset: read-only arrays out of Ray's object store, one copy a node.
        config: what the parameters are laid over.
        study_name: with the number, the name of the files.
        storage_path: folder of the study, reachable from every node.
        threads: cores this trial may use.
    """
    torch.set_num_threads(threads)
    try:
        _train(proposal, dataset, config, Path(storage_path), f"{study_name}.{proposal['number']}")
    except Exception as error:
        ending = failure_of(error, traceback.format_exc())
        tune.report({"failure": {"reason": ending.reason, "error": ending.error}})


def _train(proposal: Mapping[str, Any], dataset: Dataset, config: Config, storage: Path, trial_id: str) -> None:
    trainer = Trainer(override_config(config, proposal["params"]), dataset)
    checkpoint = tune.get_checkpoint()  # of this trial, whose worker was lost; else of the one it goes on with
    if checkpoint is None and proposal["resume_checkpoint"]:
        checkpoint = tune.Checkpoint(proposal["resume_checkpoint"])
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            trainer.restore(Path(folder) / _STATE)
    if _is_finished(trainer):  # lost after its last epoch, before its end was heard of
        tune.report(_message(trainer, {}))
    for result in trainer.epochs():
        if result.improved:
            _publish(trainer, result, dataset, storage, trial_id)
        with TemporaryDirectory() as folder:
            trainer.save(Path(folder) / _STATE)
            tune.report(_message(trainer, result.metrics), checkpoint=tune.Checkpoint.from_directory(folder))


def _is_finished(trainer: Trainer) -> bool:
    return trainer.epoch >= trainer.config.epochs or trainer.stopping.should_stop


def _message(trainer: Trainer, metrics: Mapping[str, float]) -> dict[str, Any]:
    return {
        **metrics,
        "epoch": trainer.epoch,
        "best_epoch": trainer.best_epoch,
        "best_value": trainer.best_value,
        "finished": _is_finished(trainer),
    }


def _publish(trainer: Trainer, result: EpochResult, dataset: Dataset, storage: Path, trial_id: str) -> None:
    """What the dashboard and a user want of the best epoch; each file replaces that of an earlier one as a whole."""
    if result.ranking is not None:
        write_recommendations(result.ranking, dataset, recommendations_path(storage, trial_id))
    path = diagnostics_path(storage, trial_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(trainer.diagnostics()), encoding="utf-8")
    temporary.replace(path)
    trainer.save_model(model_path(storage, trial_id))
