"""One ablation from its flags to its tables: train what has no results yet, compare all that has, store it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from athwe.evaluation.recommendations import items_table
from tuning.ablation.findings import find, to_store
from tuning.ablation.parts import NAMES
from tuning.ablation.records import read_records, runs_on_record
from tuning.ablation.report import json_line, print_report
from tuning.ablation.variants import Ablation, AblationRun, ablation_of, missing_runs
from tuning.console import say
from tuning.errors import SearchError
from tuning.finals.finalists import Finalist, choose, further_seeds
from tuning.finals.on_validation import looking_into, run_on_validation
from tuning.finals.session import OK, SOME_FAILED
from tuning.nodes.job import require_unrecorded_password
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.store import Store, display_url
from tuning.stored.data import StoredStudy, read_study


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
        with looking_into(self.study.storage):
            done = runs_on_record(self.study.storage, self.trial.trial_id)
        return missing_runs(self.trial.trial_id, self.trial.params, self.asked.variants(), self.seeds, done)


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
        say(console, f"{part}: not taken out, {reason}")
    failures = _run_missing(task, arguments, console, log) if task.missing() else []
    records = read_records(study.storage, task.trial.trial_id, task.whole.variants(), items_table(task.dataset))
    found = find(records, task.whole, task.metric)
    with Store.open(arguments.store) as store:
        for topic, findings in to_store(found, task.trial.number).items():
            store.save_findings(study.name, topic, findings)
    log.open_up()  # nothing may have been missing
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
    seeds = further_seeds(spec.config.seed, arguments.seeds)
    return _Task(study, trial, config, dataset, asked, ablation_of(config, dataset), seeds)


def _run_missing(task: _Task, arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> list[dict[str, Any]]:
    """Run what is missing; gives the failures."""
    failed = run_on_validation(task.study, task.dataset, task.missing, task.config.epochs, arguments, console, log)
    return [
        {"variant": one.run.variant.name, "seed": one.run.seed, "reason": one.reason, "error": one.error}
        for one in failed
    ]
