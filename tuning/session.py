"""One search from its flags to its summary: plan, store, Ray, trials, importance."""

import argparse
import logging
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from optuna.storages import RDBStorage
from rich.console import Console

from athwe.command_line import USER_ERROR
from tuning.cluster import available, cluster_address, require_device, require_resources, start_ray
from tuning.disk import Disk, DiskRules, require_room
from tuning.errors import SearchError
from tuning.journal import Journal
from tuning.plan import PATHS, STUDY_FLAGS, Plan, earlier_study, make_plan, require_same_study
from tuning.progress import Progress
from tuning.provenance import core_count
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.results import write_data
from tuning.resume import finished_count, requeue_unfinished, require_no_driver
from tuning.run import StopRequest, ends_when_full, run_trials
from tuning.sampler import make_sampler
from tuning.schema import FAIL, INVALID
from tuning.spec import Spec, study_name
from tuning.storage import Storage, is_full
from tuning.store import DEFAULT_URL, Store, StoreError, display_url, now
from tuning.summary import failures, json_line, next_commands, print_summary, save_importances

logger = logging.getLogger(__name__)

OK, ALL_FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Session:
    """A search whose flags were found to be good and whose Ray has started."""

    spec: Spec
    plan: Plan
    store: Store
    tables: RDBStorage
    storage: Storage
    is_resumed: bool


def search(arguments: argparse.Namespace, console: Console, log: ConsoleLog) -> int:
    """Run a search and print its summary; gives the exit code.

    Args:
        arguments: the command line.
        console: where people read.
        log: holds log lines back until the search is certain to start.

    Raises:
        AthweError, StoreError: what the user can mend.
    """
    started = time.monotonic()
    silence_loggers()
    given = _given_flags(arguments)
    earlier = _find_earlier(arguments, given) if arguments.resume else None
    if earlier is None and (root := os.environ.get("ATHWE_DATASET_ROOT")):
        given.setdefault("dataset_root", _absolute(root))  # stored, so that a resume needs no variable
    plan = make_plan((earlier["spec"]["flags"] if earlier else {}) | given)
    name = earlier["study_name"] if earlier else study_name(arguments.study, plan.dataset.name)
    address = cluster_address(arguments.address)
    if address is None:  # what this machine has is known before Ray has started
        _share_out(plan, core_count(), torch.cuda.device_count())
    storage = _make_storage(earlier["storage_path"] if earlier else arguments.storage_path or f"results/{name}", plan)
    with _open_store(arguments.store, storage) as store:
        tables = RDBStorage(arguments.store)
        if earlier is None:
            _require_new(store, tables, name)
        else:
            require_same_study(earlier, plan.spec(name, 1, 0))
        if earlier:
            log.open_up()  # it may have to wait, and says so
            require_no_driver(store, name)
        start_ray(address)
        try:
            spec = plan.spec(name, *_share_out(plan, *available()))
            log.open_up()
            session = Session(spec, plan, store, tables, storage, earlier is not None)
            return _run(session, arguments, console, started)
        finally:
            ray.shutdown()


def _given_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags that say what a study is, those that were given; paths absolute, so that they hold elsewhere."""
    given = {name: value for name in STUDY_FLAGS if (value := getattr(arguments, name)) is not None}
    for name in given.keys() & PATHS:
        value = given[name]
        given[name] = [_absolute(path) for path in value] if isinstance(value, list) else _absolute(value)
    return given


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _find_earlier(arguments: argparse.Namespace, given: Mapping[str, Any]) -> dict[str, Any]:
    with Store.open(arguments.store, read_only=True) as store:
        row = earlier_study(store, arguments.study, given.get("dataset"))
    if arguments.storage_path and Storage.at(arguments.storage_path) != Storage.at(row["storage_path"]):
        raise SearchError(f"the study's files are in {row['storage_path']}: leave out --storage-path")
    return row


def _make_storage(given: str, plan: Plan) -> Storage:
    storage = Storage.at(given)
    storage.require_writable()
    try:
        require_room(storage, plan.dataset, plan.config)
    except SearchError:
        _discard(storage)
        raise
    return storage


def _discard(storage: Storage) -> None:
    """Leave no empty folder behind."""
    if storage.is_local and not storage.names():
        storage.delete("")


def _open_store(url: str, storage: Storage) -> Store:
    """The store; without one, nothing is left of the storage folder that was made for it."""
    try:
        return Store.open(url)
    except StoreError:
        _discard(storage)
        raise


def _require_new(store: Store, tables: RDBStorage, name: str) -> None:
    if store.study(name) is not None or any(study.study_name == name for study in tables.get_all_studies()):
        raise SearchError(f"study {name!r} exists already: go on with it by --resume, or give another --study")


def _share_out(plan: Plan, cores: int, gpus: int) -> tuple[int, float]:
    """Concurrency and GPUs a trial gets."""
    wanted = plan.flags.get("gpus_per_trial")
    gpus_per_trial = wanted if wanted is not None else float(bool(gpus) and plan.config.device != "cpu")
    require_device(plan.config.device, gpus_per_trial)
    concurrency = require_resources(
        cores,
        gpus,
        concurrency=plan.flags.get("concurrency"),
        cpus=plan.cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
    )
    return concurrency, gpus_per_trial


def _open_study(session: Session) -> optuna.Study:
    """Our study row, then Optuna's study with trial 0 enqueued; a study that was cut off in between is mended here."""
    spec, plan = session.spec, session.plan
    if not session.is_resumed:
        session.store.create_study(
            {
                "study_name": spec.study,
                "dataset": spec.dataset,
                "objective": spec.objective,
                "direction": spec.direction,
                "mask_seen": spec.config.mask_seen,
                "spec_json": spec.model_dump_json(),
                "trials_asked": spec.settings.trials,
                "data_fingerprint": spec.data_fingerprint,
                "storage_path": session.storage.url,
                "dataset_folder": plan.dataset.folder,
                "git_sha": spec.git_sha,
                "heartbeat_at": now(),
            }
        )
    else:
        session.store.update_study(spec.study, heartbeat_at=now(), ended_at=None)
    study = optuna.create_study(
        storage=session.tables, study_name=spec.study, direction=spec.direction, load_if_exists=session.is_resumed
    )
    trials = len(study.get_trials(deepcopy=False))
    # A resumed study needs another random stream, or it would draw its first trials again.
    study.sampler = make_sampler(spec.settings.sampler, spec.config.seed + trials)
    if not trials:
        study.enqueue_trial(spec.settings.space.of(spec.config))
    return study


def _run(session: Session, arguments: argparse.Namespace, console: Console, started: float) -> int:
    spec = session.spec
    disk = Disk(session.storage, spec.study, DiskRules.of(spec))
    _write_data(session)
    study = _open_study(session)
    requeue_unfinished(session.store, study)
    journal = Journal(session.store, study, spec.objective, disk)
    journal.load()
    stop = StopRequest(spec.time_budget_seconds)
    remaining = spec.settings.trials - finished_count(study)
    maximize = spec.direction == "maximize"
    progress = Progress(console, spec.study, spec.objective, maximize, spec.settings.trials, spec.config.epochs)
    _introduce(session, console, remaining)
    try:
        if remaining > 0:
            options = {"trials": remaining, "storage": session.storage, "progress": progress, "stop": stop}
            with ends_when_full(stop, session.storage):
                run_trials(spec, session.plan.dataset, study, journal, **options)
    finally:
        journal.cancel_running(stop.why or "the search ended before this trial did")
        journal.close()
        session.store.update_study(spec.study, heartbeat_at=None)
    if not stop.is_unfinished:
        save_importances(session.store, study, spec.config.seed)
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
    share = f"{spec.cpus_per_trial} core{'s' * (spec.cpus_per_trial > 1)}" + (
        f" and {spec.gpus_per_trial:g} GPU" if spec.gpus_per_trial else ""
    )
    console.print(
        f"{'Resuming' if session.is_resumed else 'Searching'} {spec.study}: {max(remaining, 0)} trials of up to "
        f"{spec.config.epochs} epochs, {spec.concurrency} at once with {share} each, "
        f"{len(spec.settings.space.root)} parameters, {spec.settings.sampler.name} and {spec.settings.pruner.name}, "
        f"by {spec.objective}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


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
    store_url = display_url(arguments.store)
    print_summary(console, records, spec.objective, maximize)
    ran = [record for record in records if record.reason != INVALID]
    code = INTERRUPTED if stop.interrupted else USER_ERROR if stop.storage_is_full else OK
    if stop.why:
        console.print(stop.why, markup=False, highlight=False, soft_wrap=True)
    if code == OK and ran and all(record.state == FAIL for record in ran):
        code = ALL_FAILED
        console.print(f"every trial failed: {failures(ran)}", markup=False, highlight=False, soft_wrap=True)
    if stop.why:
        at = "" if arguments.store == DEFAULT_URL else f" --store {shlex.quote(store_url)}"
        commands = [f"python tuning/search.py --resume --study {spec.study}{at}"]
    else:
        commands = []
    for command in [*commands, *next_commands(store_url)]:
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
    if arguments.json:
        facts = {
            "study": spec.study,
            "dataset": spec.dataset,
            "objective": spec.objective,
            "direction": spec.direction,
            "trials": spec.settings.trials,
            "store": store_url,
            "storage_path": session.storage.url,
        }
        print(json_line(facts, records, maximize, seconds, ended=not stop.is_unfinished))
    return code
