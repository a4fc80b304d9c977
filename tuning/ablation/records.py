"""What the runs have left: per-user results on validation, one file a run. Whatever is there is not run again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import ArrowException

from athwe.evaluation.slices import FACTS, Categories
from tuning.ablation.variants import FULL, Variant
from tuning.errors import SearchError
from tuning.files.results import ABLATION, ablation_name, final_results_name, read_user_ranks
from tuning.files.storage import Storage
from tuning.findings.by_slice import categories, unreadable
from tuning.schema import PARAMETERS

_RUN = re.compile(r"(?P<variant>[a-z][\w-]*)\.seed-(?P<seed>\d+)\.parquet")


@dataclass(frozen=True)
class Ranks:
    """Ranks of one variant's runs on the same users."""

    by_seed: Mapping[int, np.ndarray]
    """The target's rank of each user, by the seed of the run."""
    parameters: int
    """How many numbers the model learns."""
    is_seedless: bool = False

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs there are, in their order."""
        return tuple(sorted(self.by_seed))

    def of(self, seeds: Sequence[int]) -> np.ndarray:
        """(users, seeds), in the order of `seeds`; what no seed changes is the same for all."""
        any_seed = self.seeds[0]
        return np.stack([self.by_seed[any_seed if self.is_seedless else seed] for seed in seeds], axis=1)


@dataclass(frozen=True)
class Records:
    """The runs of a trial's variants."""

    ranks: Mapping[str, Ranks]
    """By the variant's name, of those that have a run."""
    facts: Mapping[str, np.ndarray] = field(default_factory=dict)
    """One value a user by column, what users are sliced by."""
    categories: Categories | None = None
    """Of the users' targets."""

    def shared_seeds(self, name: str) -> tuple[int, ...]:
        """Seeds on which both a variant and the whole configuration were trained; none where one of them was not."""
        if FULL not in self.ranks or name not in self.ranks:
            return ()
        mine, whole = self.ranks[name], self.ranks[FULL].seeds
        return whole if mine.is_seedless else tuple(seed for seed in whole if seed in mine.by_seed)


def runs_on_record(storage: Storage, trial_id: str) -> set[tuple[str, int]]:
    """Name of the variant and seed of every run that came to its end."""
    found = map(_RUN.fullmatch, storage.names(f"{ABLATION}/{trial_id}"))
    return {(run["variant"], int(run["seed"])) for run in found if run}


def read_records(storage: Storage, trial_id: str, variants: Sequence[Variant], items: pd.DataFrame) -> Records:
    """All runs on record of these variants, however few seeds were asked for now.

    Args:
        items: with the columns item_id and categories.

    Raises:
        SearchError: a file that cannot be read, or whose users are not those of the others.
    """
    on_record = runs_on_record(storage, trial_id)
    users: pa.ChunkedArray | None = None
    facts: dict[str, np.ndarray] = {}
    of_targets: Categories | None = None
    ranks = {}
    for variant in variants:
        tables = {
            seed: _read(storage, final_results_name(ablation_name(trial_id, variant.name, seed)))
            for name, seed in sorted(on_record)
            if name == variant.name
        }
        for seed, table in tables.items():
            if users is None:
                users = table.column("user")
                facts = {name: table.column(name).to_numpy() for name in FACTS}
                of_targets = categories(table.select(["target"]).to_pandas(), items)
            elif not users.equals(table.column("user")):
                name = ablation_name(trial_id, variant.name, seed)
                raise SearchError(f"{name}.parquet in {storage.url} is of other users: delete it, and run again")
        if tables:
            by_seed = {seed: table.column("target_rank").to_numpy() for seed, table in tables.items()}
            parameters = int((next(iter(tables.values())).schema.metadata or {})[PARAMETERS.encode()])
            ranks[variant.name] = Ranks(by_seed, parameters, variant.is_seedless)
    return Records(ranks, facts, of_targets)


def _read(storage: Storage, name: str) -> pa.Table:
    try:
        return read_user_ranks(storage, name, (*FACTS, "target"))
    except (ArrowException, OSError) as error:
        raise unreadable(storage, name, error, "; delete it, and run again") from None
