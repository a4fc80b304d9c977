"""What a command line asks for: a new study, or one to go on with."""

import argparse
from pathlib import Path
from typing import Any

from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.nodes.job import Job
from tuning.planning.plan import PATHS, STUDY_FLAGS, Plan, earlier_studies, matching_study
from tuning.proposing.warm_start import best_params
from tuning.store import Store


def given_flags(arguments: argparse.Namespace, job: Job | None) -> dict[str, Any]:
    """The flags that say what a study is, those that were given; paths absolute, so that they hold elsewhere.

    A job's folder is elsewhere when the study is resumed: paths in it stay relative to it.
    """
    kept = job.kept if job else absolute
    given = {name: value for name in STUDY_FLAGS if (value := getattr(arguments, name)) is not None}
    for name in given.keys() & PATHS:
        value = given[name]
        given[name] = [kept(path) for path in value] if isinstance(value, list) else kept(value)
    return given


def absolute(path: str) -> str:
    """The path from anywhere on this machine."""
    return str(Path(path).absolute())


def require_fitting(arguments: argparse.Namespace) -> None:
    """See that flags that go on with a study, and those that begin one, are not mixed.

    Raises:
        SearchError: they are.
    """
    goes_on = arguments.resume or arguments.extend
    if arguments.extend and not arguments.study:
        raise SearchError("--extend needs --study, the name of the study to go on with")
    if arguments.retry_failed and not goes_on:
        raise SearchError("--retry-failed goes with --resume: a new study has no failed trials")
    if arguments.warm_start and goes_on:
        raise SearchError("--warm-start is for a new study: leave out --resume and --extend, and give another --study")


def find_earlier(arguments: argparse.Namespace, given: dict[str, Any]) -> tuple[dict[str, Any], Plan]:
    """The study to go on with, and what is planned for it by its own flags and those given.

    Raises:
        AthweError, StoreError: there is none that they fit.
    """
    with Store.open(arguments.store, read_only=True) as store:
        rows = earlier_studies(store, arguments.study, given.get("dataset"))
    if arguments.extend:
        given = given | {"trials": rows[0]["trials_asked"] + arguments.extend}
    row, plan = matching_study(rows, given)
    if arguments.storage_path and Storage.at(arguments.storage_path) != Storage.at(row["storage_path"]):
        raise SearchError(f"the study's files are in {row['storage_path']}: leave out --storage-path")
    return row, plan


def first_params(arguments: argparse.Namespace, store: Store, plan: Plan) -> list[dict[str, Any]]:
    """What a new study tries first, beside the configuration at hand.

    Raises:
        SearchError: `--warm-start` names no study that has something to offer.
    """
    if not arguments.warm_start:
        return []
    return best_params(store, arguments.warm_start, plan.settings.space)
