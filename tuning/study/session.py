"""One search from its flags to its summary: plan, store, Ray, trials, importance."""

import argparse
import logging
import os
import time
from typing import Any

import ray
import torch
from ray import tune
from rich.console import Console

from athwe.command_line import INTERRUPTED, USER_ERROR
from tuning.books.driver import DRIVER, Heartbeat, claim
from tuning.books.journal import Journal
from tuning.books.tables import one_line_errors, open_tables
from tuning.console import counted, say
from tuning.driving.progress import Progress
from tuning.driving.run import StopRequest, ends_when_full, run_trials
from tuning.errors import SearchError
from tuning.files.disk import Disk, DiskRules
from tuning.files.results import write_data
from tuning.files.storage import is_full
from tuning.findings.summary import failures, json_line, next_commands, print_findings, print_summary, save_importances
from tuning.findings.ties import save_ties
from tuning.nodes.address import cluster_address
from tuning.nodes.capacity import Node
from tuning.nodes.cluster import available, start_ray
from tuning.nodes.job import current_job, lasting_dataset_root, require_lasting, require_unrecorded_password
from tuning.nodes.preflight import require_ready_nodes
from tuning.nodes.provenance import core_count
from tuning.planning.plan import Plan, make_plan
from tuning.planning.spec import study_name
from tuning.pruning.audit import save_pruner_audit
from tuning.pruning.earlier import reports_of
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.schema import COMPLETE, FAIL, INVALID
from tuning.sharing.share_out import settle, share_out
from tuning.store import Store, display_url, now
from tuning.study.opening import Session, make_storage, open_study, removed_if_unused, require_new
from tuning.study.request import absolute, find_earlier, first_params, given_flags, require_fitting
from tuning.study.resume import awaited, finished_count, requeue_unfinished
from tuning.training.trial import TrialWorker

logger = logging.getLogger(__name__)

OK, ALL_FAILED = 0, 1


def search(
    arguments: argparse.Namespace,
    console: Console,
    log: ConsoleLog,
    trainable: type[tune.Trainable] = TrialWorker,
) -> int:
    """Run a search and print its summary; gives the exit code.

    Args:
        arguments: the command line.
        console: where people read.
        log: holds log lines back until the search is certain to start.
        trainable: what trains, or seems to: it speaks as `TrialWorker` does.

    Raises:
        AthweError, StoreError: what the user can mend.
    """
    started = time.monotonic()
    silence_loggers()
    require_unrecorded_password(arguments.store, arguments.address)
    earlier, plan = _planned(arguments)
    name = earlier["study_name"] if earlier else study_name(arguments.study, plan.dataset.name)
    address = cluster_address(arguments.address)
    if address is None:  # what this machine has is known before Ray has started
        share_out(plan, [Node(core_count(), torch.cuda.device_count())])
    storage = make_storage(earlier["storage_path"] if earlier else arguments.storage_path or f"results/{name}", plan)
    with one_line_errors(arguments.store), removed_if_unused(storage), Store.open(arguments.store) as store:
        tables = open_tables(arguments.store)
        if earlier is None:
            require_new(store, tables, name)
        first = earlier["spec"].get("first_params", []) if earlier else first_params(arguments, store, plan)
        if earlier:
            log.open_up()  # it may have to wait, and says so
            claim(store, name, DRIVER)
        heartbeat = Heartbeat(store, name)
        if earlier:
            heartbeat.begin()
        try:
            start_ray(address)
            share = share_out(plan, available())
            require_ready_nodes(storage.url, cpus=share.cpus_per_trial, gpus=share.gpus_per_trial)
            spec = plan.spec(name, *settle(plan, share)).model_copy(update={"first_params": first})
            log.open_up()
            session = Session(spec, plan, store, tables, storage, heartbeat, earlier is not None, trainable)
            return _run(session, arguments, console, started)
        finally:
            heartbeat.end()
            ray.shutdown()


def _planned(arguments: argparse.Namespace) -> tuple[dict[str, Any] | None, Plan]:
    """The study to go on with, or None for a new one, and what is planned."""
    job = current_job()
    if job:
        is_resumed = bool(arguments.resume or arguments.extend)
        require_lasting(job, arguments.store, arguments.storage_path, is_resumed=is_resumed)
    given = given_flags(arguments, job)
    require_fitting(arguments)
    if arguments.resume or arguments.extend:
        return find_earlier(arguments, given)
    if root := os.environ.get("ATHWE_DATASET_ROOT"):  # stored, so that a resume needs no variable
        given.setdefault("dataset_root", job.kept(root) if job else absolute(root))
    if job:
        given["dataset_root"] = lasting_dataset_root(job, given, arguments.storage_path)
    return None, make_plan(given)


def _run(session: Session, arguments: argparse.Namespace, console: Console, started: float) -> int:
    spec = session.spec
    disk = Disk(session.storage, spec.study, DiskRules.of(spec))
    _write_data(session)
    study = open_study(session)
    session.heartbeat.begin()
    session.heartbeat.require_mine()
    names = spec.settings.space.root.keys()
    requeue_unfinished(session.store, study, names, disk.usable_checkpoint, arguments.retry_failed)
    journal = Journal(session.store, study, list(spec.objectives), disk, spec.settings.limits, session.heartbeat)
    journal.load(awaited(study))
    is_race = spec.settings.pruner.name == "racing"
    earlier = reports_of(session.store, spec.study, spec.objective, is_race) if session.is_resumed else []
    stop = StopRequest(spec.time_budget_seconds, journal)
    finished = finished_count(study)
    asked = max(spec.settings.trials, finished)
    maximize = spec.direction == "maximize"
    size = (asked, spec.config.epochs, spec.concurrency, spec.time_budget_seconds)
    progress = Progress(console, spec.study, spec.objective, maximize, *size)
    _introduce(session, console, asked - finished)
    try:
        if asked > finished:
            options = {"earlier": earlier, "storage": session.storage, "progress": progress, "stop": stop}
            options["trainable"] = session.trainable
            with ends_when_full(stop, session.storage):
                run_trials(spec, session.plan.dataset, study, journal, trials=asked - finished, **options)
    finally:
        journal.cancel_running(stop.why or "the search ended before this trial did")
        journal.close()
    session.heartbeat.require_mine()
    if not stop.is_unfinished:
        save_importances(session.store, study, spec.config.seed)
        save_pruner_audit(session.store, spec)
        save_ties(session.store, spec, session.storage)
        session.store.update_study(spec.study, ended_at=now())
    return _conclude(session, journal, stop, arguments, console, time.monotonic() - started)


def _write_data(session: Session) -> None:
    try:
        write_data(session.plan.dataset, session.storage)
    except OSError as error:
        remedy = "make room" if is_full(error) else "give another --storage-path"
        raise SearchError(f"cannot write to {session.storage.url}: {error.strerror or error}; {remedy}") from None


def _introduce(session: Session, console: Console, remaining: int) -> None:
    spec = session.spec
    share = counted(spec.cpus_per_trial, "core") + (f" and {spec.gpus_per_trial:g} GPU" if spec.gpus_per_trial else "")
    what = f"{'Resuming' if session.is_resumed else 'Searching'} {spec.study}: {counted(remaining, 'trial')}"
    how = f"{spec.concurrency} at once with {share} each, {counted(len(spec.settings.space.root), 'parameter')}"
    rules = f"{spec.settings.sampler.name} and {spec.settings.pruner.name}, by {spec.objective}"
    say(console, f"{what} of up to {counted(spec.config.epochs, 'epoch')}, {how}, {rules}")


def _conclude(
    session: Session,
    journal: Journal,
    stop: StopRequest,
    arguments: argparse.Namespace,
    console: Console,
    seconds: float,
) -> int:
    """Summary, next commands and exit code."""
    spec, records = session.spec, list(journal.records.values())
    maximize = spec.direction == "maximize"
    importance = session.store.importances(spec.study)["parameter"].drop_duplicates().tolist()
    print_summary(console, records, spec.objective, maximize, importance)
    found = print_findings(console, session.store, spec)
    ran = [record for record in records if record.reason != INVALID]
    code = INTERRUPTED if stop.interrupted else USER_ERROR if stop.storage_is_full else OK
    if stop.why:
        say(console, stop.why)
    if code == OK and ran and all(record.state == FAIL for record in ran):
        code = ALL_FAILED
        say(console, f"every trial failed: {failures(ran)}")
    is_chosen_from = not stop.is_unfinished and any(record.state == COMPLETE for record in ran)
    options = {"is_stopped": stop.why is not None, "is_chosen_from": is_chosen_from}
    for command in next_commands(arguments.store, spec.study, **options):
        say(console, f"  {command}")
    if arguments.json:
        facts = {
            "study": spec.study,
            "dataset": spec.dataset,
            "objective": spec.objective,
            "direction": spec.direction,
            "trials": spec.settings.trials,
            "store": display_url(arguments.store),
            "storage_path": session.storage.url,
            **found,
        }
        print(json_line(facts, records, maximize, seconds, ended=not stop.is_unfinished))
    return code
