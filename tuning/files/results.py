"""The files of a study under its storage path, named by trial: what the dashboard and a user read."""

import json
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from athwe.data import Dataset
from athwe.evaluation.recommendations import write_histories, write_items
from athwe.training.checkpoint import MODEL
from tuning.files.storage import Storage

RECOMMENDATIONS, DIAGNOSTICS, MODELS = "recommendations", "diagnostics", "models"
REPLICATES = "replicates"
"""Folder with per-user results on validation of trials that were trained on further seeds."""
FINALS = "finals"
"""Folder with the models of finalists, and their per-user results on test."""
ABLATION = "ablation"
"""Folder with a folder a trial: per-user results on validation of its configuration without one part or another."""


def recommendations_name(trial_id: str) -> str:
    """Per-user results of the trial's best epoch."""
    return f"{RECOMMENDATIONS}/{trial_id}.parquet"


def diagnostics_name(trial_id: str) -> str:
    """What the model's parts do in the trial's best epoch."""
    return f"{DIAGNOSTICS}/{trial_id}.json"


def model_name(trial_id: str) -> str:
    """Folder with the trial's best model, for `athwe.load`."""
    return f"{MODELS}/{trial_id}"


def final_model_name(trial_id: str, seed: int) -> str:
    """Folder with the model of a finalist that was trained on a seed, for `athwe.load`."""
    return f"{FINALS}/{trial_id}.seed-{seed}"


def final_results_name(model_name: str) -> str:
    """Per-user results of the model of that name."""
    return f"{model_name}.parquet"


def ablation_name(trial_id: str, variant: str, seed: int) -> str:
    """What is kept of a trial's configuration that was changed in some way and trained on a seed begins with this."""
    return f"{ABLATION}/{trial_id}/{variant}.seed-{seed}"


def replicate_name(trial_id: str, seed: int) -> str:
    """What is kept of a trial that was trained on a further seed begins with this."""
    return f"{REPLICATES}/{trial_id}.seed-{seed}"


def replicate_seeds(storage: Storage, trial_ids: Iterable[str]) -> dict[str, list[int]]:
    """The further seeds that each of some trials has results of, in their order."""
    names = storage.names(REPLICATES)
    found = dict[str, list[int]]()
    for trial_id in trial_ids:
        start = f"{trial_id}.seed-"
        seeds = (name.removeprefix(start).removesuffix(".parquet") for name in names if name.startswith(start))
        found[trial_id] = sorted(int(seed) for seed in seeds if seed.isdecimal())
    return found


def best_final(storage: Storage, trial_id: str, seeds: Iterable[int], maximize: bool) -> str | None:
    """Name of a finalist's model with the best validation value among those of some seeds, None where there is none.

    Never by test: what is chosen by it could not be reported by it.

    Args:
        seeds: those whose model was written to its end.
    """
    values = dict[str, float]()
    for name in (final_model_name(trial_id, seed) for seed in seeds):
        with suppress(FileNotFoundError):  # no room for it, or its deleting was cut off
            values[name] = json.loads(storage.read(f"{name}/{MODEL}.json"))["best_value"]
    return (max if maximize else min)(values, key=lambda name: values[name], default=None)


def keep_only_final(storage: Storage, best: str, trial_id: str, seeds: Iterable[int]) -> None:
    """Delete the models of a finalist's other seeds, and what is left of them where that was cut off."""
    for name in {final_model_name(trial_id, seed) for seed in seeds} - {best}:
        storage.delete(name)


def data_name(data_fingerprint: str, kind: str) -> str:
    """The `items` or `histories` of a data set."""
    return f"data/{data_fingerprint}/{kind}.parquet"


def stacks_name(trial_id: str, driver: str) -> str:
    """What the threads of a worker of that driver were doing when the trial hung."""
    return f"hung/{trial_id}.{driver}.txt"


def ray_name(study_name: str) -> str:
    """Folder with the training states of the study's trials, one folder a driver."""
    return f"ray/{study_name}"


def log_name(tool: str, study_name: str) -> str:
    """Folder with what another tool keeps of the study, one folder a trial."""
    return f"{tool}/{study_name}"


def write_data(dataset: Dataset, storage: Storage) -> None:
    """Items and histories, once a data fingerprint, so that the dashboard needs no data set."""
    for kind, write in (("items", write_items), ("histories", write_histories)):
        name = data_name(dataset.fingerprint, kind)
        if not storage.exists(name):
            storage.write(name, partial(write, dataset))


def read_recommendations(storage: Storage, trial_id: str) -> pd.DataFrame | None:
    """Per-user results of a trial, or None where there are none."""
    name = recommendations_name(trial_id)
    return pd.read_parquet(BytesIO(storage.read(name))) if storage.exists(name) else None


def read_user_ranks(storage: Storage, name: str, facts: Iterable[str] = ()) -> pa.Table:
    """The columns user and target_rank of per-user results, and those of `facts` that are there, with their metadata.

    The lists are not read.

    Raises:
        ArrowException, OSError: the file is not there, damaged, or no per-user results.
    """
    with storage.open(name) as source:
        file = pq.ParquetFile(source)
        columns = file.schema_arrow.names
        if missing := {"user", "target_rank"} - {*columns}:
            raise pa.ArrowInvalid(f"it has no column {', '.join(sorted(missing))}")
        return file.read(["user", "target_rank", *(name for name in facts if name in columns)])


def copy_results(storage: Storage, old: str, new: str) -> None:
    """Give the trial `new` what is there of the trial `old`, which it goes on with."""
    for name in (recommendations_name, diagnostics_name, model_name):
        if storage.exists(name(old)):
            storage.copy(name(old), name(new))
