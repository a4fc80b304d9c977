"""What a command line asks for: a new study, or one to go on with."""

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import Any

from tuning.books.driver import is_at_work
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.nodes.job import Job
from tuning.planning.plan import PATHS, STUDY_FLAGS, Plan, earlier_studies, matching_study
from tuning.proposing.warm_start import best_params
from tuning.store import Store

logger = logging.getLogger(__name__)


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
    if arguments.extend and arguments.trials:
        raise SearchError("--extend adds to the trials there are, --trials says how many in all: leave one of them out")
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
            given = given | extended(rows[0], arguments.extend)
        is_taken = None if arguments.study else partial(is_at_work, store)
        row, plan = matching_study(rows, given, is_taken)
    if arguments.storage_path and Storage.at(arguments.storage_path) != Storage.at(row["storage_path"]):
        raise SearchError(f"the study's files are in {row['storage_path']}: leave out --storage-path")
    return row, plan


def extended(row: dict[str, Any], more: int) -> dict[str, Any]:
    """The flags of `more` trials on top of a finished study, or of the rest of them, where that was asked for before
    and cut off: whoever repeats a command after a crash wants what it asked for once.

    Raises:
        SearchError: something else is unfinished.
    """
    name, asked = row["study_name"], row["trials_asked"]
    if row["ended_at"] is not None:
        return {"trials": asked + more, "extension": [more, asked + more]}
    if row["spec"]["flags"].get("extension") == [more, asked]:
        logger.info(
            "--extend %d was cut off before: going on to the %d trials asked for, no more are added", more, asked
        )
        return {"trials": asked}
    raise SearchError(
        f"study {name!r} is not finished yet ({asked} trials asked for): finish it by --resume, then extend it; "
        f"or ask for {asked + more} in all by --resume --study {name} --trials {asked + more}"
    )


def first_params(arguments: argparse.Namespace, store: Store, plan: Plan) -> list[dict[str, Any]]:
    """What a new study tries first, beside the configuration at hand.

    Raises:
        SearchError: `--warm-start` names no study that has something to offer.
    """
    if not arguments.warm_start:
        return []
    return best_params(store, arguments.warm_start, plan.settings.space)
