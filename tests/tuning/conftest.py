from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from tiny_search import OBJECTIVE, UnreliableStore, disk_at, write_tiny

from tuning.books.driver import Heartbeat
from tuning.books.journal import Journal
from tuning.store import Store

DRIVER = "this test"


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the data set `tiny`, which has every modality and categories."""
    return write_tiny(tmp_path_factory.mktemp("datasets"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UnreliableStore]:
    with UnreliableStore.open(f"sqlite:///{tmp_path}/store.db") as store:
        facts = dict.fromkeys(("dataset", "spec_json", "data_fingerprint", "storage_path"), "{}")
        store.create_study(
            {
                "study_name": "s",
                "objective": OBJECTIVE,
                "direction": "maximize",
                "mask_seen": False,
                "trials_asked": 3,
                "driver": DRIVER,
            }
            | facts
        )
        yield store


@pytest.fixture
def study(tmp_path: Path, store: Store) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        storage=RDBStorage(f"sqlite:///{tmp_path}/store.db"), study_name="s", direction="maximize"
    )


@pytest.fixture
def journal(store: Store, study: optuna.Study, tmp_path: Path) -> Journal:
    return Journal(store, study, [OBJECTIVE], disk_at(tmp_path), heartbeat=Heartbeat(store, "s", DRIVER))
