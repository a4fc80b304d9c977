"""One reproduction from its flags to its verdict."""

import argparse
from typing import Any

import pandas as pd
from rich.console import Console

from athwe.allocator import keep_freed_memory
from tuning.console import counted, say
from tuning.errors import SearchError
from tuning.files.results import read_recommendations
from tuning.nodes.provenance import git_sha, hardware, package_versions
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.schema import COMPLETE, PRUNED, RUNNING
from tuning.store import Store
from tuning.stored.data import StoredStudy, read_study
from tuning.stored.reproduction import (
    Again,
    EpochComparison,
    UserComparison,
    as_json,
    compare_epochs,
    compare_users,
    differences,
    is_same,
    train_again,
)
from tuning.training.worker import limit_threads


def reproduce(arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> dict[str, Any]:
    """Train a stored trial again, print the verdict and give it.

    Raises:
        AthweError, StoreError: what the user can mend.
    """
    silence_loggers()
    with Store.open(arguments.store, read_only=True) as store:
        study = read_study(store, arguments.study)
        trial = _trial(study, arguments.trial)
        metrics = store.metrics([trial["trial_id"]])
        stored = store.metrics([trial["trial_id"]], "valid")
    if stored.empty:
        state = trial["state"] + (f" ({trial['reason']})" if trial["reason"] else "")
        raise SearchError(f"trial {arguments.trial} is {state} and has no validated epoch to compare with")
    # What a trial that was cut off has left may be of an epoch that the store has not heard of.
    is_whole = trial["state"] in (COMPLETE, PRUNED)
    recommendations = read_recommendations(study.storage, trial["trial_id"]) if is_whole else None
    limit_threads(study.spec.cpus_per_trial)
    keep_freed_memory()
    dataset = study.load_dataset(arguments.dataset_root)
    log.open_up()
    epochs = max(metrics["epoch"].tolist())
    with console.status(f"training trial {arguments.trial} again") as status:
        again = train_again(
            study.spec,
            arguments.trial,
            trial["params"],
            dataset,
            epochs,
            lambda epoch: status.update(f"training trial {arguments.trial} again: epoch {epoch} of {epochs}"),
        )
    return _verdict(study, arguments.trial, stored, recommendations, again, console)


def _trial(study: StoredStudy, number: int) -> dict[str, Any]:
    rows = [row for row in study.trials.to_dict("records") if row["number"] == number]
    if not rows:
        raise SearchError(f"study {study.name!r} has no trial {number}: its trials are {_numbers(study)}")
    if rows[0]["state"] == RUNNING:
        raise SearchError(f"trial {number} is still running: wait for its end")
    return rows[0]


def _numbers(study: StoredStudy) -> str:
    return f"0 to {study.trials['number'].max()}" if len(study.trials) else "none yet"


def _verdict(
    study: StoredStudy,
    number: int,
    stored: pd.DataFrame,
    recommendations: pd.DataFrame | None,
    again: Again,
    console: Console,
) -> dict[str, Any]:
    epochs = compare_epochs(stored, again.metrics)
    users = None
    if recommendations is not None and again.recommendations is not None:
        users = compare_users(recommendations, again.recommendations)
    spec = study.spec
    then = {"git_sha": spec.git_sha, "versions": spec.versions, "hardware": spec.hardware}
    hints = differences(then, {"git_sha": git_sha(), "versions": package_versions(), "hardware": hardware()})
    passed = is_same(epochs, users)
    lines = [f"pass: {_same(epochs, users)}"] if passed else _how_far(epochs, users, again.diverged)
    if hints:
        lines += ["what is not as it was:" if not passed else "though not all is as it was:", *hints]
    for line in lines:
        say(console, line)
    return {
        "result": "pass" if passed else "differs",
        "study": study.name,
        "trial": number,
        "epochs": as_json(epochs),
        "users": as_json(users),
        "diverged": again.diverged,
        "changed": hints,
    }


def _same(epochs: EpochComparison, users: UserComparison | None) -> str:
    compared = f"every validation metric of {counted(epochs.epochs, 'epoch')}"
    if users is None:
        return f"{compared} is the same; no per-user results of a finished trial are stored to compare with"
    return f"{compared}, and rank and recommendations of {counted(users.users, 'user')}, are the same"


def _how_far(epochs: EpochComparison, users: UserComparison | None, diverged: str | None) -> list[str]:
    lines = ["differs: every validation metric is the same, the per-user results are not"]
    if epochs.first_epoch is not None:
        most = f", by {epochs.largest_difference:.3g} at most ({epochs.metric})" if epochs.metric else ""
        lines = [f"differs: epoch {epochs.first_epoch} of {epochs.epochs} is the first to differ{most}"]
    if epochs.missing_epochs:
        lines.append(
            f"{counted(epochs.missing_epochs, 'stored epoch')} not reached{f': {diverged}' if diverged else ''}"
        )
    if users is not None:
        lines.append(
            f"{users.other_rank:.1%} of {counted(users.users, 'user')} have another target rank, "
            f"{users.other_items:.1%} other recommendations"
        )
    if users is not None and users.missing_users:
        lines.append(f"{counted(users.missing_users, 'user')} in one of the two only")
    return lines
