"""A study as its store has it, and the data set that it was made on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from athwe.data import Dataset, load_dataset
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.planning.spec import Spec
from tuning.store import Store
from tuning.stored.study import spec_of, study_row


@dataclass(frozen=True)
class StoredStudy:
    """A study's row, decoded."""

    name: str
    spec: Spec
    row: dict[str, Any]
    trials: pd.DataFrame
    """As `Store.trials` gives them."""

    @property
    def storage(self) -> Storage:
        """Folder of the study's files."""
        return Storage.at(self.row["storage_path"])

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
