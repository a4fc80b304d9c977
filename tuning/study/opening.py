"""Open what a search writes to: its storage path, its row in the store, its study in Optuna's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from ray import tune

from athwe.errors import AthweError
from tuning.books.driver import DRIVER, Heartbeat
from tuning.driving.log_to import require_log_targets
from tuning.errors import SearchError
from tuning.files.disk import require_room
from tuning.files.storage import Storage
from tuning.planning.plan import Plan
from tuning.planning.spec import Spec
from tuning.proposing.sampler import make_sampler
from tuning.proposing.search_study import SearchStudy
from tuning.store import Store, StoreError, now
from tuning.study.resume import finished_count
from tuning.training.trial import TrialWorker


@dataclass(frozen=True)
class Session:
    """A search whose flags were found to be good and whose Ray has started."""

    spec: Spec
    plan: Plan
    store: Store
    tables: RDBStorage
    storage: Storage
    heartbeat: Heartbeat
    is_resumed: bool
    trainable: type[tune.Trainable] = TrialWorker


def make_storage(given: str, plan: Plan) -> Storage:
    """The storage path, which can be written to and has room for a trial.

    Raises:
        SearchError: it cannot, or has not.
    """
    storage = Storage.at(given)
    require_log_targets(plan.flags.get("log_to", ()), storage.url)
    storage.require_writable()
    try:
        require_room(storage, plan.dataset, plan.config, plan.flags.get("disk_budget"))
    except SearchError:
        _discard(storage)
        raise
    return storage


def _discard(storage: Storage) -> None:
    """Leave no empty folder behind."""
    if storage.is_local and not storage.names():
        storage.delete("")


@contextmanager
def removed_if_unused(storage: Storage) -> Iterator[None]:
    """Of a search that cannot start nothing is left in the storage path, nor the folder that was made for it."""
    try:
        yield
    except (AthweError, StoreError):
        _discard(storage)
        raise


def require_new(store: Store, tables: RDBStorage, name: str) -> None:
    """See that no study has that name.

    Raises:
        SearchError: one has.
    """
    if store.study(name) is not None or any(study.study_name == name for study in tables.get_all_studies()):
        raise SearchError(f"study {name!r} exists already: go on with it by --resume, or give another --study")


def open_study(session: Session) -> SearchStudy:
    """Our study row, then Optuna's study with what is tried first; one that was cut off in between is mended here."""
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
            spec.gains,
        )
    optuna.create_study(
        storage=session.tables,
        study_name=spec.study,
        directions=[StudyDirection[direction.upper()] for direction in spec.objectives.values()],
        load_if_exists=session.is_resumed,
    )
    study = SearchStudy(spec.study, session.tables)
    if session.is_resumed:
        _note_what_changed(session, finished_count(study))
    trials = study.get_trials(deepcopy=False)
    # A resumed study needs another random stream, or it would draw its first trials again.
    study.sampler = make_sampler(spec.settings.sampler, spec.config.seed + len(trials))
    enqueued = [trial.system_attrs.get("fixed_params") for trial in trials]
    for params in [spec.settings.space.of(spec.config), *spec.first_params]:
        if params not in enqueued:
            study.enqueue_trial(params)
            enqueued.append(params)
    return study


def _note_what_changed(session: Session, finished: int) -> None:
    """A study keeps the spec it was started with, but for the number of trials and the disk budget.

    Who asks for fewer trials than are `finished` takes none of them away: `--extend` counts from what is there.
    """
    row = session.store.study(session.spec.study)
    assert row is not None
    first = Spec.model_validate(row["spec"])
    trials = max(session.spec.settings.trials, finished)
    extension = session.spec.flags.get("extension")
    if row["ended_at"] is not None and extension == first.flags.get("extension"):
        extension = None  # that one came to its end: what is cut off from now on is something else
    changed = {"trials": trials, "extension": extension, "disk_budget": session.spec.disk_budget_bytes}
    spec = first.model_copy(
        update={
            "settings": first.settings.model_copy(update={"trials": trials}),
            "flags": first.flags | changed,
            "disk_budget_bytes": session.spec.disk_budget_bytes,
        }
    )
    session.store.update_study(session.spec.study, spec_json=spec.model_dump_json(), trials_asked=trials, ended_at=None)
