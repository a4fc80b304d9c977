"""One ablation from its flags to its tables: train what has no results yet, compare all that has, store it."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
import torch
from pyarrow import ArrowException
from rich.console import Console

from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from tuning.ablation.findings import find, to_store
from tuning.ablation.parts import NAMES
from tuning.ablation.records import read_records, runs_on_record
from tuning.ablation.report import json_line, print_report
from tuning.ablation.variants import Ablation, AblationRun, ablation_of, missing_runs
from tuning.books.driver import DRIVER, Heartbeat, claim
from tuning.errors import SearchError
from tuning.finals.finalists import Finalist, choose, fresh_seeds
from tuning.finals.progress import FinalProgress
from tuning.finals.runs import run_finals
from tuning.finals.session import OK, SOME_FAILED, share_out
from tuning.nodes.address import cluster_address
from tuning.nodes.capacity import Node
from tuning.nodes.cluster import available, start_ray
from tuning.nodes.job import require_unrecorded_password
from tuning.nodes.provenance import core_count
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.store import Store, display_url
from tuning.stored.data import StoredStudy, read_study

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    """What is compared, and on what."""

    study: StoredStudy
    trial: Finalist
    config: Config
    """The trial's."""
    dataset: Dataset
    """Sealed: nothing of an ablation can read test."""
    asked: Ablation
    """Of the parts that were asked for."""
    whole: Ablation
    """Of every part: what is on record of the others is shown, too."""
    seeds: Sequence[int]

    @property
    def metric(self) -> str:
        """The study's objective, as a metric of ranks."""
        return self.study.spec.objective.removeprefix("valid/")

    def missing(self) -> list[AblationRun]:
        """Runs without results.

        Raises:
            SearchError: the storage path cannot be reached.
        """
        storage = self.study.storage
        try:
            done = runs_on_record(storage, self.trial.trial_id)
        except (ArrowException, OSError) as error:
            raise SearchError(f"cannot look into {storage.url}: {' '.join(str(error).split())}") from None
        return missing_runs(self.trial.trial_id, self.trial.params, self.asked.variants(), self.seeds, done)


class _Driver:
    """Hears of the runs, whose results their workers have written, and shows how far they are."""

    def __init__(self, heartbeat: Heartbeat, study_name: str, progress: FinalProgress):
        self.failures: list[dict[str, Any]] = []
        self._heartbeat = heartbeat
        self._study_name = study_name
        self._progress = progress

    def tick(self) -> None:
        if self._heartbeat.was_taken_over:
            raise SearchError(f"another driver has taken study {self._study_name!r} over, as this one was silent")

    def epoch(self, run: AblationRun, message: Mapping[str, Any]) -> None:
        self._progress.epoch(run, message)

    def looked(self, run: AblationRun, metrics: Mapping[str, float], not_kept: str | None) -> None:
        self._progress.ended(run)

    def failed(self, run: AblationRun, reason: str, error: str) -> None:
        last_line = error.strip().splitlines()[-1] if error.strip() else "no word"
        failure = {"variant": run.variant.name, "seed": run.seed, "reason": reason, "error": last_line}
        self.failures.append(failure)
        self._progress.ended(run, f"failed ({reason}): {last_line}")


def ablate(arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> int:
    """Train what is missing, compare, store and print; gives the exit code.

    Raises:
        AthweError, StoreError: what the user can mend.
    """
    silence_loggers()
    require_unrecorded_password(arguments.store, arguments.address)
    with Store.open(arguments.store, read_only=True) as store:
        study = read_study(store, arguments.study)
    task = _task(study, arguments)
    for part, reason in task.asked.not_run.items():
        console.print(f"{part}: not taken out, {reason}", markup=False, highlight=False, soft_wrap=True)
    failures = _run_missing(task, arguments, console, log) if task.missing() else []
    found = find(read_records(study.storage, task.trial.trial_id, task.whole.variants()), task.whole, task.metric)
    with Store.open(arguments.store) as store:
        for topic, findings in to_store(found, task.trial.number).items():
            store.save_findings(study.name, topic, findings)
    print_report(console, study.spec, task.trial, found, failures)
    if arguments.json:
        facts = {"store": display_url(arguments.store), "not_run": dict(task.asked.not_run)}
        print(json_line(study.spec, task.trial, found, failures, facts))
    return SOME_FAILED if failures else OK


def _task(study: StoredStudy, arguments: argparse.Namespace) -> _Task:
    spec = study.spec
    numbers = () if arguments.trial is None else (arguments.trial,)
    [trial] = choose(study.trials, spec.direction == "maximize", 1, numbers)
    config = override_config(spec.config, trial.params)
    dataset = study.load_dataset(arguments.dataset_root).sealed()
    asked = ablation_of(config, dataset, arguments.parts or NAMES)
    if not asked.without and not asked.subsets:
        reasons = "; ".join(f"{part}: {reason}" for part, reason in asked.not_run.items())
        raise SearchError(f"nothing of that can be taken out of {config.model} on {dataset.name} ({reasons})")
    seeds = fresh_seeds(spec.config.seed, arguments.seeds)
    return _Task(study, trial, config, dataset, asked, ablation_of(config, dataset), seeds)


def _run_missing(task: _Task, arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> list[dict[str, Any]]:
    """Run what is missing; gives the failures."""
    spec = task.study.spec
    address = cluster_address(arguments.address)
    if address is None:  # what this machine has is known before Ray has started
        share_out(spec, arguments, [Node(core_count(), torch.cuda.device_count())])
    start_ray(address)
    try:
        share = share_out(spec, arguments, available())
        log.open_up()
        with Store.open(arguments.store) as store:
            claim(store, spec.study, DRIVER)
            heartbeat = Heartbeat(store, spec.study)
            heartbeat.begin()
            try:
                runs = task.missing()  # another driver may have been at work until now
                number, epochs, at_once = len(runs), task.config.epochs, share["concurrency"]
                what = f"{number} runs of up to {epochs} epochs, {at_once} at once; those that end are kept"
                console.print(what, markup=False, highlight=False, soft_wrap=True)
                kept = "its ranks are kept"
                with FinalProgress(console, spec.objective, len(runs), task.config.epochs, kept) as progress:
                    driver = _Driver(heartbeat, spec.study, progress)
                    run = partial(run_finals, runs, task.dataset, spec.config, driver, **share)
                    run(storage=task.study.storage, split="valid")
                return driver.failures
            finally:
                heartbeat.end()
    finally:
        ray.shutdown()
