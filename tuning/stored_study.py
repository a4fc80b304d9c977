"""A study that a command line names, as its store has it, and the data set that it was made on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from athwe.data import Dataset, load_dataset
from tuning.connection import OlderStoreError
from tuning.errors import SearchError
from tuning.spec import Spec
from tuning.store import Store


@dataclass(frozen=True)
class StoredStudy:
    """A study's row, decoded."""

    name: str
    spec: Spec
    row: dict[str, Any]
    trials: pd.DataFrame
    """As `Store.trials` gives them."""

    @property
    def storage(self) -> Path:
        """Folder of the study's files."""
        return Path(self.row["storage_path"])

    def load_dataset(self, root: str | None) -> Dataset:
        """The data set that the study was made on, test targets included.

        Args:
            root: folder to look in first; by default where it was then.

        Raises:
            AthweError: it is not there, or its content is another one by now.
        """
        there = self.row["dataset_folder"]
        dataset = load_dataset(self.spec.dataset, root or (there and Path(there).parent), self.spec.config)
        if dataset.fingerprint != self.spec.data_fingerprint:
            raise SearchError(
                f"data set {dataset.name} in {dataset.folder} has fingerprint {dataset.fingerprint}, study "
                f"{self.name!r} was made on {self.spec.data_fingerprint}: give the same data by --dataset-root"
            )
        return dataset


def read_study(store: Store, name: str) -> StoredStudy:
    """Read a study.

    Raises:
        SearchError: there is none of that name, or a spec that this code cannot read.
    """
    row = study_row(store, name)
    return StoredStudy(name, spec_of(row), row, store.trials(name))


def open_existing(url: str, to_write: bool = False) -> Store:
    """Open a store that is there already; one of an older version is taken forward.

    Raises:
        StoreError: there is none, or it cannot be opened.
    """
    try:
        store = Store.open(url, read_only=True)
    except OlderStoreError:
        return Store.open(url)
    if not to_write:
        return store
    store.close()
    return Store.open(url)


def study_row(store: Store, name: str) -> dict[str, Any]:
    """The study's columns.

    Raises:
        SearchError: there is no study of that name.
    """
    row = store.study(name)
    if row is None:
        raise SearchError(f"no study {name!r} in this store: `python tuning/studies.py list` shows those there are")
    return row


def spec_of(row: Mapping[str, Any]) -> Spec:
    """The spec that a study was started with.

    Raises:
        SearchError: it was written by a version of athwe whose specs this one cannot read.
    """
    try:
        return Spec.model_validate(row["spec"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SearchError(
            f"the spec of study {row['study_name']!r} is of another version of athwe ({place}: {first['msg']}): "
            "use the version that made it"
        ) from None
