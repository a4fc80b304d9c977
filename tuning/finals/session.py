"""One finalisation from its flags to its table: choose, retrain what the ledger lacks, look, report the ledger."""

import argparse
import getpass
import logging
import os
import shlex
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
from rich.console import Console

from tuning.books.driver import DRIVER
from tuning.files.results import best_final, keep_only_final
from tuning.finals.finalists import (
    FinalRun,
    choose,
    comparable_looks,
    fresh_seeds,
    missing_runs,
    results,
    shown_metrics,
)
from tuning.finals.ledger import Ledger
from tuning.finals.progress import FinalProgress
from tuning.finals.ray_session import ray_session
from tuning.finals.report import json_line, print_report
from tuning.finals.runs import run_finals
from tuning.nodes.job import require_unrecorded_password
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.store import Store, display_url
from tuning.stored.data import StoredStudy, read_study

logger = logging.getLogger(__name__)

OK, SOME_FAILED = 0, 1


class _Driver:
    """Hears of the runs, writes their looks down, and shows how far they are."""

    def __init__(self, ledger: Ledger, progress: FinalProgress):
        self.failures: list[dict[str, Any]] = []
        self._ledger = ledger
        self._progress = progress

    def tick(self) -> None:
        self._ledger.beat()

    def epoch(self, run: FinalRun, message: Mapping[str, Any]) -> None:
        self._progress.epoch(run, message)

    def looked(self, run: FinalRun, metrics: Mapping[str, float], not_kept: str | None) -> None:
        self._ledger.write(run, metrics)
        if not_kept:
            logger.warning("the model or the per-user results of %s are not kept: %s", run, not_kept)
        self._progress.ended(run)

    def failed(self, run: FinalRun, reason: str, error: str) -> None:
        last_line = self._progress.failed(run, reason, error)
        failure = {"trial": run.finalist.number, "seed": run.seed, "reason": reason, "error": last_line}
        self.failures.append(failure)


def finalize(arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> int:
    """Retrain and evaluate what the ledger lacks, then print what it has; gives the exit code.

    Raises:
        AthweError, StoreError: what the user can mend.
    """
    silence_loggers()
    require_unrecorded_password(arguments.store, arguments.address)
    with Store.open(arguments.store, read_only=True) as store:
        study = read_study(store, arguments.study)
        looks = store.test_evaluations(study.name)
    spec, failures = study.spec, []
    finalists = choose(study.trials, spec.direction == "maximize", arguments.top, arguments.trials or ())
    seeds = fresh_seeds(spec.config.seed, arguments.seeds)

    def missing(looks: pd.DataFrame) -> list[FinalRun]:
        return missing_runs(finalists, seeds, comparable_looks(looks, spec.config.mask_seen))

    if missing(looks):
        looks, failures = _run_missing(study, missing, arguments, console, log)
    keys = shown_metrics(spec.objective, spec.config.mask_seen)
    found = results(finalists, comparable_looks(looks, spec.config.mask_seen), keys)
    for one in found:
        one["model"] = _kept_model(study, one["trial_id"], one["seeds"])
    log.open_up()  # nothing may have been missing
    print_report(console, spec, found, keys, len(looks), failures)
    if arguments.json:
        print(json_line(spec, found, len(looks), failures, {"store": display_url(arguments.store)}))
    return SOME_FAILED if failures else OK


def _run_missing(
    study: StoredStudy,
    missing: Callable[[pd.DataFrame], list[FinalRun]],
    arguments: argparse.Namespace,
    console: Console,
    log: ConsoleLog,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Run what is missing; gives the ledger after it, and the failures."""
    spec = study.spec
    dataset = study.load_dataset(arguments.dataset_root)
    facts = {"evaluated_by": _evaluated_by(arguments), "mask_seen": spec.config.mask_seen}
    with (
        ray_session(spec, arguments, log) as share,
        Store.open(arguments.store) as store,
        Ledger(store, study.name, DRIVER, facts) as ledger,
    ):
        runs = missing(ledger.looks())  # another driver may have been at work until now
        with FinalProgress(console, spec.objective, len(runs), spec.config.epochs) as progress:
            driver = _Driver(ledger, progress)
            run_finals(runs, dataset, spec.config, driver, storage=study.storage, **share)
        return ledger.looks(), driver.failures


def _kept_model(study: StoredStudy, trial_id: str, seeds: Sequence[int]) -> str | None:
    """Where the model of a finalist's best seed on record is, the others' being deleted; None where there is none.

    A seed that is not on record may be one whose model another finalisation is just writing.
    """
    storage = study.storage
    try:
        name = best_final(storage, trial_id, seeds, study.spec.direction == "maximize")
        if name is not None:
            keep_only_final(storage, name, trial_id, seeds)
    except OSError as error:
        logger.warning("cannot look for the model of %s in %s: %s", trial_id, storage.url, error)
        return None
    return name and (storage.path(name) if storage.is_local else f"s3://{storage.path(name)}")


def _evaluated_by(arguments: argparse.Namespace) -> str:
    """Who looks, where and by which command; without the store's URL, which may hold a password."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    with suppress(OSError, KeyError, ImportError):  # a container may know no user of this number
        user = getpass.getuser()
    which = ["--trials", *map(str, arguments.trials)] if arguments.trials else ["--top", str(arguments.top)]
    command = ["python", "tuning/finalize.py", "--study", arguments.study, *which, "--seeds", str(arguments.seeds)]
    return f"{user}@{socket.gethostname()}: {shlex.join(command)}"
