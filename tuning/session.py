"""One search from its flags to its summary: plan, store, Ray, trials, importance."""

import argparse
import logging
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from ray import tune
from rich.console import Console

from athwe.command_line import USER_ERROR
from athwe.errors import AthweError
from tuning.address import cluster_address
from tuning.audit import save_pruner_audit
from tuning.cluster import available, require_device, require_resources, start_ray
from tuning.disk import Disk, DiskRules, require_room
from tuning.driver import DRIVER, claim
from tuning.earlier import reports_of
from tuning.errors import SearchError
from tuning.job import Job, current_job, lasting_dataset_root, require_lasting
from tuning.journal import Journal
from tuning.log_to import require_log_targets
from tuning.plan import PATHS, STUDY_FLAGS, Plan, earlier_studies, make_plan, matching_study
from tuning.preflight import require_ready_nodes
from tuning.progress import Progress
from tuning.provenance import core_count
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.results import write_data
from tuning.resume import finished_count, requeue_unfinished
from tuning.run import StopRequest, ends_when_full, run_trials
from tuning.sampler import make_sampler
from tuning.schema import FAIL, INVALID
from tuning.search_study import SearchStudy
from tuning.spec import Spec, study_name
from tuning.storage import Storage, is_full
from tuning.store import DEFAULT_URL, Store, StoreError, display_url, now
from tuning.summary import failures, json_line, next_commands, print_findings, print_summary, save_importances
from tuning.tables import open_tables
from tuning.trial import TrialWorker
from tuning.warm_start import best_params

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
    first_params: list[dict[str, Any]]
    """What a new study tries first, beside the configuration at hand."""
    trainable: type[tune.Trainable] = TrialWorker


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
    job = current_job()
    if job:
        is_resumed = bool(arguments.resume or arguments.extend)
        require_lasting(job, arguments.store, arguments.storage_path, is_resumed=is_resumed)
    given = _given_flags(arguments, job)
    _require_fitting(arguments)
    if arguments.resume or arguments.extend:
        earlier, plan = _find_earlier(arguments, given)
    else:
        if root := os.environ.get("ATHWE_DATASET_ROOT"):  # stored, so that a resume needs no variable
            given.setdefault("dataset_root", job.kept(root) if job else _absolute(root))
        if job:
            given["dataset_root"] = lasting_dataset_root(job, given, arguments.storage_path)
        earlier, plan = None, make_plan(given)
    name = earlier["study_name"] if earlier else study_name(arguments.study, plan.dataset.name)
    address = cluster_address(arguments.address)
    if address is None:  # what this machine has is known before Ray has started
        _share_out(plan, core_count(), torch.cuda.device_count())
    place = earlier["storage_path"] if earlier else arguments.storage_path or f"results/{name}"
    storage = _make_storage(place, plan)
    with _removed_if_unused(storage), Store.open(arguments.store) as store:
        tables = open_tables(arguments.store)
        if earlier is None:
            _require_new(store, tables, name)
        first_params = _first_params(arguments, store, plan)
        if earlier:
            log.open_up()  # it may have to wait, and says so
            claim(store, name, DRIVER)
        start_ray(address)
        try:
            spec = plan.spec(name, *_share_out(plan, *available()))
            require_ready_nodes(storage.url, cpus=spec.cpus_per_trial, gpus=spec.gpus_per_trial)
            log.open_up()
            session = Session(spec, plan, store, tables, storage, earlier is not None, first_params, trainable)
            return _run(session, arguments, console, started)
        finally:
            ray.shutdown()


def _given_flags(arguments: argparse.Namespace, job: Job | None) -> dict[str, Any]:
    """The flags that say what a study is, those that were given; paths absolute, so that they hold elsewhere.

    A job's folder is elsewhere when the study is resumed: paths in it stay relative to it.
    """
    absolute = job.kept if job else _absolute
    given = {name: value for name in STUDY_FLAGS if (value := getattr(arguments, name)) is not None}
    for name in given.keys() & PATHS:
        value = given[name]
        given[name] = [absolute(path) for path in value] if isinstance(value, list) else absolute(value)
    return given


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _require_fitting(arguments: argparse.Namespace) -> None:
    goes_on = arguments.resume or arguments.extend
    if arguments.extend and not arguments.study:
        raise SearchError("--extend needs --study, the name of the study to go on with")
    if arguments.retry_failed and not goes_on:
        raise SearchError("--retry-failed goes with --resume: a new study has no failed trials")
    if arguments.warm_start and goes_on:
        raise SearchError("--warm-start is for a new study: leave out --resume and --extend, and give another --study")


def _find_earlier(arguments: argparse.Namespace, given: dict[str, Any]) -> tuple[dict[str, Any], Plan]:
    with Store.open(arguments.store, read_only=True) as store:
        rows = earlier_studies(store, arguments.study, given.get("dataset"))
    if arguments.extend:
        given = given | {"trials": rows[0]["trials_asked"] + arguments.extend}
    row, plan = matching_study(rows, given)
    if arguments.storage_path and Storage.at(arguments.storage_path) != Storage.at(row["storage_path"]):
        raise SearchError(f"the study's files are in {row['storage_path']}: leave out --storage-path")
    return row, plan


def _first_params(arguments: argparse.Namespace, store: Store, plan: Plan) -> list[dict[str, Any]]:
    if not arguments.warm_start:
        return []
    return best_params(store, arguments.warm_start, plan.settings.space)


def _make_storage(given: str, plan: Plan) -> Storage:
    storage = Storage.at(given)
    require_log_targets(plan.flags.get("log_to", ()), storage.url)
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


@contextmanager
def _removed_if_unused(storage: Storage) -> Iterator[None]:
    """Of a search that cannot start nothing is left in the storage path, nor the folder that was made for it."""
    try:
        yield
    except (AthweError, StoreError):
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
                "driver": DRIVER,
                "heartbeat_at": now(),
            },
            spec.settings.also_minimize,
        )
    else:
        _note_what_changed(session)
    optuna.create_study(
        storage=session.tables,
        study_name=spec.study,
        directions=[StudyDirection[direction.upper()] for direction in spec.objectives.values()],
        load_if_exists=session.is_resumed,
    )
    study = SearchStudy(spec.study, session.tables)
    trials = len(study.get_trials(deepcopy=False))
    # A resumed study needs another random stream, or it would draw its first trials again.
    study.sampler = make_sampler(spec.settings.sampler, spec.config.seed + trials)
    if not trials:
        at_hand = spec.settings.space.of(spec.config)
        for params in [at_hand, *(params for params in session.first_params if params != at_hand)]:
            study.enqueue_trial(params)
    return study


def _note_what_changed(session: Session) -> None:
    """A study keeps the spec it was started with, but for the number of trials."""
    row = session.store.study(session.spec.study)
    assert row is not None
    first = Spec.model_validate(row["spec"])
    trials = session.spec.settings.trials
    spec = first.model_copy(
        update={
            "settings": first.settings.model_copy(update={"trials": trials}),
            "flags": first.flags | {"trials": trials},
        }
    )
    session.store.update_study(session.spec.study, spec_json=spec.model_dump_json(), trials_asked=trials, ended_at=None)


def _run(session: Session, arguments: argparse.Namespace, console: Console, started: float) -> int:
    spec = session.spec
    disk = Disk(session.storage, spec.study, DiskRules.of(spec))
    _write_data(session)
    study = _open_study(session)
    requeue_unfinished(session.store, study, arguments.retry_failed)
    journal = Journal(session.store, study, list(spec.objectives), disk, spec.settings.limits, driver=DRIVER)
    journal.load()
    earlier = reports_of(session.store, spec.study, spec.objective) if session.is_resumed else []
    stop = StopRequest(spec.time_budget_seconds, journal)
    journal.load()
    earlier = reports_of(session.store, spec.study, spec.objective) if session.is_resumed else []
    stop = StopRequest(spec.time_budget_seconds, journal)
    remaining = spec.settings.trials - finished_count(study)
    maximize = spec.direction == "maximize"
    size = (spec.settings.trials, spec.config.epochs, spec.concurrency, spec.time_budget_seconds)
    progress = Progress(console, spec.study, spec.objective, maximize, *size)
    _introduce(session, console, remaining)
    try:
        if remaining > 0:
            options = {"earlier": earlier, "storage": session.storage, "progress": progress, "stop": stop}
            options["trainable"] = session.trainable
            with ends_when_full(stop, session.storage):
                run_trials(spec, session.plan.dataset, study, journal, trials=remaining, **options)
    finally:
        journal.cancel_running(stop.why or "the search ended before this trial did")
        journal.close()
        session.store.release_study(spec.study, DRIVER)
    if not stop.is_unfinished:
        save_importances(session.store, study, spec.config.seed)
        save_pruner_audit(session.store, spec)
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
    found = print_findings(console, session.store, spec)
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
            **found,
        }
        print(json_line(facts, records, maximize, seconds, ended=not stop.is_unfinished))
    return code
