"""Inside a Ray job the working directory is a copy that Ray deletes: what is to last must lie elsewhere."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import ArgumentError

from athwe.data.demo import DEMO
from tuning.connection import display_url, has_password, parse_url
from tuning.errors import SearchError
from tuning.nodes.address import wanted_address

_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set, to this name's content, in the process that `ray job submit` starts, and nowhere else."""


@dataclass(frozen=True)
class Job:
    """The Ray job that this process is the driver of."""

    folder: Path
    """Its working directory, gone with the job."""

    def holds(self, path: str | Path) -> bool:
        """Whether a path, relative ones included, lies in the job's folder."""
        return (self.folder / Path(path).expanduser()).resolve().is_relative_to(self.folder.resolve())

    def kept(self, path: str | Path) -> str:
        """A path as it may be stored: relative where it lies in the job's folder, so that the next job has it, too."""
        absolute = self.folder / Path(path).expanduser()
        return str(absolute.relative_to(self.folder) if absolute.is_relative_to(self.folder) else absolute)


def current_job(environment: Mapping[str, str] = os.environ) -> Job | None:
    """The job around this process, None outside one."""
    config = environment.get(_JOB_CONFIG)
    if not config or "job_submission_id" not in json.loads(config).get("metadata", {}):
        return None
    return Job(Path.cwd())


def require_lasting(job: Job, store: str, storage_path: str | None, *, is_resumed: bool) -> None:
    """Store and results of a search in a job must outlive it.

    Args:
        job: the one around this process.
        store: the store's URL.
        storage_path: as given.
        is_resumed: whether the storage path is that of an earlier study.

    Raises:
        SearchError: one of them lies in the job's folder.
    """
    file = _sqlite_file(store)
    if file is not None and job.holds(file):
        raise SearchError(
            f"inside a Ray job the store {display_url(store)} would vanish with the job's folder: give "
            "--store postgresql+psycopg://USER@HOST/athwe, or sqlite:////absolute/path/athwe.db on the head's own disk"
        )
    if is_resumed:
        return
    if storage_path is None or ("://" not in storage_path and job.holds(storage_path)):
        given = f"the storage path {storage_path!r}" if storage_path else "the default storage path results/<study>"
        raise SearchError(
            f"inside a Ray job {given} would vanish with the job's folder: give --storage-path /absolute/path of a "
            "folder that all nodes share"
        )


def require_unrecorded_password(store: str, address: str | None) -> None:
    """Ray notes the command line of whoever attaches to a cluster, for all who may look at its jobs.

    Args:
        store: the store's URL, as given.
        address: of a cluster, as given.

    Raises:
        SearchError: the command line holds a password, and there is a cluster to note it.
    """
    if has_password(store) and (current_job() or wanted_address(address)):
        raise SearchError(
            f"the password in --store {display_url(store)} would stand in the cluster's job record: leave it out, and "
            "have it in PGPASSWORD or ~/.pgpass where the driver runs"
        )


def lasting_dataset_root(job: Job, flags: Mapping[str, Any], storage_path: str) -> str:
    """The folder of data sets; `demo`, which is generated, goes beside the study's results where none is given.

    Raises:
        SearchError: no folder is given, or one in the job's own folder, which is shipped to every node and deleted.
    """
    root = flags.get("dataset_root")
    if root is None and (flags.get("dataset") or DEMO) == DEMO and "://" not in storage_path:
        return str(Path(storage_path) / "dataset")
    if root is None or job.holds(root):
        given = f"the data set folder {root!r} lies" if root else "dataset/ would lie"
        raise SearchError(
            f"inside a Ray job {given} in the job's folder, where no data is shipped: give --dataset-root "
            "/absolute/path (or ATHWE_DATASET_ROOT) of a folder that the head can read"
        )
    return root


def _sqlite_file(url: str) -> str | None:
    """The file of a SQLite URL; None for other databases and for what the store itself refuses."""
    try:
        parsed = parse_url(url)
    except ArgumentError:
        return None
    return parsed.database if parsed.get_backend_name() == "sqlite" else None
