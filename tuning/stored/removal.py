"""Take a study out of the world: its rows, Optuna's, and the files that are its own."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage

from tuning.books.driver import DRIVER, is_surely_dead
from tuning.errors import SearchError
from tuning.files.results import DIAGNOSTICS, FINALS, MODELS, RECOMMENDATIONS, log_name, ray_name
from tuning.store import LIVE_SECONDS, Store

_OF_TRIALS = (RECOMMENDATIONS, DIAGNOSTICS, MODELS, "hung")
"""Folders with a file or a folder a trial; FINALS has a file a trial and seed."""
_SHARED = ("data", "mlflow")
"""Folders whose content no name says the study of: they go with the last study in the storage path."""
_OF_TOOLS = ("tensorboard", "wandb")
"""Folders with a folder a study."""


@dataclass(frozen=True)
class Files:
    """What a study owns under its storage path."""

    paths: tuple[Path, ...]
    """Files, and folders as a whole."""
    storage: Path
    is_shared: bool
    """Whether other studies have results there; the folders of all stay for them."""

    def size(self) -> tuple[int, int]:
        """Number of files, and their bytes."""
        files = [file for path in self.paths for file in ([path] if path.is_file() else path.rglob("*"))]
        sizes = [file.lstat().st_size for file in files if not file.is_dir()]
        return len(sizes), sum(sizes)


def own_files(store: Store, row: dict[str, Any]) -> Files:
    """Find a study's files; whatever else lies in the folder is not named.

    Raises:
        SearchError: its files are not in a folder of this machine.
    """
    if "://" in row["storage_path"]:
        raise SearchError(f"the study's files are at {row['storage_path']}: remove them there, and leave out --files")
    storage, name = Path(row["storage_path"]), row["study_name"]
    trial, half = rf"\.?{re.escape(name)}\.\d+", r"(\.(\d+\.)?(tmp|old))?"
    mine: dict[str, re.Pattern[str]] = dict.fromkeys(
        _OF_TRIALS, re.compile(rf"{trial}(\.parquet|\.json|(\.[0-9a-f]{{8}})?\.txt)?{half}")
    )
    mine[FINALS] = re.compile(rf"{trial}\.\d+\.parquet{half}")
    of_trials = [(path, mine[folder]) for folder in mine for path in sorted((storage / folder).glob("*"))]
    own = [path for path, pattern in of_trials if pattern.fullmatch(path.name)]
    studies = store.studies()
    others = studies[(studies["storage_path"] == row["storage_path"]) & (studies["study_name"] != name)]
    is_shared = len(own) < len(of_trials) or not others.empty
    of_study = [ray_name(name), *(log_name(tool, name) for tool in _OF_TOOLS)]
    whole = [storage / folder for folder in (*of_study, *(() if is_shared else _SHARED))]
    return Files((*own, *(folder for folder in whole if folder.is_dir())), storage, is_shared)


def remove_files(files: Files) -> None:
    """Remove them, and the folders that are empty then.

    Raises:
        SearchError: one cannot be removed; trying again goes on from there.
    """
    try:
        for path in files.paths:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        for folder in (
            *(files.storage / name for name in (*_OF_TRIALS, FINALS, *_SHARED, *_OF_TOOLS, "ray")),
            files.storage,
        ):
            if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise SearchError(f"cannot remove {error.filename}: {error.strerror}; then delete the study again") from None


def at_work(study_name: str) -> SearchError:
    """The refusal of a study that a search works on."""
    age = f"alive less than {LIVE_SECONDS:.0f} s ago"
    return SearchError(f"study {study_name!r} has a driver at work, {age}: stop it, and wait for that time")


def claim_for_removal(store: Store, study_name: str) -> None:
    """Make sure that no search works on the study, nor begins to.

    Raises:
        SearchError: one is at work.
    """
    bearer = (store.study(study_name) or {}).get("driver")
    if is_surely_dead(bearer):
        store.release_study(study_name, bearer)
    if not store.claim_study(study_name, DRIVER, LIVE_SECONDS):
        raise at_work(study_name)


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
