"""The files of a study under its storage path, named by trial: what the dashboard and a user read."""

import shutil
from pathlib import Path

from athwe.data import Dataset
from athwe.evaluation.recommendations import write_histories, write_items

RECOMMENDATIONS, DIAGNOSTICS, MODELS = "recommendations", "diagnostics", "models"


def recommendations_path(storage: Path, trial_id: str) -> Path:
    """Per-user results of the trial's best epoch."""
    return storage / RECOMMENDATIONS / f"{trial_id}.parquet"


def diagnostics_path(storage: Path, trial_id: str) -> Path:
    """What the model's parts do in the trial's best epoch."""
    return storage / DIAGNOSTICS / f"{trial_id}.json"


def model_path(storage: Path, trial_id: str) -> Path:
    """Folder with the trial's best model, for `athwe.load`."""
    return storage / MODELS / trial_id


def stacks_path(storage: Path, trial_id: str) -> Path:
    """What the threads of a worker were doing when the trial hung."""
    return storage / "hung" / f"{trial_id}.txt"


def write_data(dataset: Dataset, storage: Path) -> None:
    """Items and histories, once a data fingerprint, so that the dashboard needs no data set."""
    folder = storage / "data" / dataset.fingerprint
    for name, write in (("items", write_items), ("histories", write_histories)):
        path = folder / f"{name}.parquet"
        if not path.exists():
            write(dataset, path)


def copy_results(storage: Path, old: str, new: str) -> None:
    """Give the trial `new` what is there of the trial `old`, which it goes on with."""
    for of in (recommendations_path, diagnostics_path):
        if of(storage, old).exists():
            shutil.copyfile(of(storage, old), of(storage, new))
    if model_path(storage, old).exists():
        shutil.copytree(model_path(storage, old), model_path(storage, new), dirs_exist_ok=True)
