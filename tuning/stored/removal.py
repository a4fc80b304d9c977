"""Take a study out of the world: its rows, Optuna's, and the files that are its own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from pyarrow import ArrowException

from tuning.errors import SearchError
from tuning.files.results import ABLATION, DIAGNOSTICS, FINALS, MODELS, RECOMMENDATIONS, log_name, ray_name
from tuning.files.storage import Storage
from tuning.store import LIVE_SECONDS, Store

_OF_TRIALS = (RECOMMENDATIONS, DIAGNOSTICS, MODELS, FINALS, ABLATION, "hung")
"""Folders with a file or a folder a trial."""
_SHARED = ("data", "mlflow")
"""Folders whose content no name says the study of: they go with the last study in the storage path."""
_OF_TOOLS = ("tensorboard", "wandb")
"""Folders with a folder a study."""


@dataclass(frozen=True)
class Files:
    """What a study owns under its storage path."""

    names: tuple[str, ...]
    """Of files, and of folders as a whole."""
    storage: Storage
    is_shared: bool
    """Whether other studies have results there; the folders of all stay for them."""

    def size(self) -> tuple[int, int]:
        """Number of files, and their bytes.

        Raises:
            SearchError: they cannot be reached.
        """
        with _one_line(f"cannot look at the files in {self.storage.url}"):
            own = [name for name in self.names if not _is_link(self.storage, name)]
            sizes = [size for name in own for size in self.storage.file_sizes(name)]
        return len(sizes), sum(sizes)


def own_files(store: Store, row: dict[str, Any]) -> Files:
    """Find a study's files; whatever else lies in the folder is not named.

    Raises:
        SearchError: they cannot be reached.
    """
    storage, name = Storage.at(row["storage_path"]), row["study_name"]
    mine = re.compile(
        rf"\.?{re.escape(name)}\.\d+(\.seed-\d+)?(\.parquet|\.json|(\.[0-9a-f]{{8}})?\.txt)?(\.(\d+\.)?(tmp|old))?"
    )
    studies = store.studies()
    others = studies[(studies["storage_path"] == row["storage_path"]) & (studies["study_name"] != name)]
    of_study = [ray_name(name), *(log_name(tool, name) for tool in _OF_TOOLS)]
    with _one_line(f"cannot look at the files in {storage.url}"):
        of_trials = [(folder, each) for folder in _OF_TRIALS for each in storage.names(folder)]
        own = [f"{folder}/{each}" for folder, each in of_trials if mine.fullmatch(each)]
        is_shared = len(own) < len(of_trials) or not others.empty
        whole = [each for each in (*of_study, *(() if is_shared else _SHARED)) if storage.exists(each)]
    return Files((*own, *whole), storage, is_shared)


def remove_files(files: Files) -> None:
    """Remove them, and the folders that are empty then.

    Raises:
        SearchError: one cannot be removed; trying again goes on from there.
    """
    storage = files.storage
    for name in files.names:
        with _one_line(f"cannot remove {name} in {storage.url}", "then delete the study again"):
            if _is_link(storage, name):
                Path(storage.path(name)).unlink()
            else:
                storage.delete(name)
    for folder in (*_OF_TRIALS, *_SHARED, *_OF_TOOLS, "ray", ""):
        with _one_line(f"cannot remove the folder {storage.path(folder)}", "then delete the study again"):
            storage.delete_if_empty(folder)


def _is_link(storage: Storage, name: str) -> bool:
    """A link is removed, and what it leads to is not the study's."""
    return storage.is_local and Path(storage.path(name)).is_symlink()


@contextmanager
def _one_line(what: str, remedy: str = "leave out --files to keep them") -> Iterator[None]:
    try:
        yield
    except (ArrowException, OSError) as error:
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())
        raise SearchError(f"{what}: {reason}; {remedy}") from None


def at_work(study_name: str) -> SearchError:
    """The refusal of a study that a search works on."""
    age = f"alive less than {LIVE_SECONDS:.0f} s ago"
    return SearchError(f"study {study_name!r} has a driver at work, {age}: stop it, and wait for that time")


def remove_rows(store: Store, url: str, study_name: str) -> None:
    """Remove Optuna's rows and then ours: what is cut off in between can be deleted again."""
    tables = RDBStorage(url)
    if any(study.study_name == study_name for study in tables.get_all_studies()):
        optuna.delete_study(study_name=study_name, storage=tables)
    store.delete_study(study_name)


def optuna_trials(url: str, study_name: str) -> int:
    """How many trials Optuna's tables have of the study."""
    summaries = optuna.get_all_study_summaries(RDBStorage(url), include_best_trial=False)
    return next((summary.n_trials for summary in summaries if summary.study_name == study_name), 0)
