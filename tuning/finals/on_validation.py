"""Configurations of a study trained again for validation: their files are the record, so what has one is not run."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic

from pyarrow import ArrowException
from rich.console import Console

from athwe.data import Dataset
from tuning.books.driver import DRIVER, Heartbeat, claim
from tuning.console import counted, say
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.finals.progress import FinalProgress
from tuning.finals.ray_session import ray_session
from tuning.finals.runs import SomeRun, run_finals
from tuning.quiet import ConsoleLog
from tuning.store import Store
from tuning.stored.data import StoredStudy


@dataclass(frozen=True)
class Failure(Generic[SomeRun]):
    """A run without results."""

    run: SomeRun
    reason: str
    error: str
    """Its last line."""


class _Driver(Generic[SomeRun]):
    """Hears of the runs, whose results their workers have written, and shows how far they are."""

    def __init__(self, heartbeat: Heartbeat, study_name: str, progress: FinalProgress):
        self.failures: list[Failure[SomeRun]] = []
        self._heartbeat = heartbeat
        self._study_name = study_name
        self._progress = progress

    def tick(self) -> None:
        if self._heartbeat.was_taken_over:
            raise SearchError(f"another driver has taken study {self._study_name!r} over, as this one was silent")

    def epoch(self, run: SomeRun, message: Mapping[str, Any]) -> None:
        self._progress.epoch(run, message)

    def looked(self, run: SomeRun, metrics: Mapping[str, float], not_kept: str | None) -> None:
        self._progress.ended(run)

    def failed(self, run: SomeRun, reason: str, error: str) -> None:
        self.failures.append(Failure(run, reason, self._progress.failed(run, reason, error)))


@contextmanager
def looking_into(storage: Storage) -> Iterator[None]:
    """Within, files that cannot be reached are the user's to mend.

    Raises:
        SearchError: why they cannot be.
    """
    try:
        yield
    except (ArrowException, OSError) as error:
        raise SearchError(f"cannot look into {storage.url}: {' '.join(str(error).split())}") from None


def run_on_validation(
    study: StoredStudy,
    dataset: Dataset,
    missing: Callable[[], list[SomeRun]],
    epochs: int,
    arguments: argparse.Namespace,
    console: Console,
    log: ConsoleLog,
) -> list[Failure[SomeRun]]:
    """Run what is missing, alone on the study; gives the failures.

    Args:
        dataset: sealed: nothing here can read test.
        missing: the runs without results, asked once no other driver is at work.
        epochs: of a run at most.

    Raises:
        SearchError: another driver is at work, or more is asked for than fits.
        KeyboardInterrupt: Ctrl-C; what came to its end by then is kept.
    """
    spec = study.spec
    with ray_session(spec, arguments, log) as share, Store.open(arguments.store) as store:
        claim(store, study.name, DRIVER)
        heartbeat = Heartbeat(store, study.name)
        heartbeat.begin()
        try:
            runs = missing()  # another driver may have been at work until now
            size = f"{counted(len(runs), 'run')} of up to {counted(epochs, 'epoch')}, {share['concurrency']} at once"
            say(console, f"{size}; those that end are kept")
            with FinalProgress(console, spec.objective, len(runs), epochs, "its ranks are kept") as progress:
                driver = _Driver[SomeRun](heartbeat, study.name, progress)
                run_finals(runs, dataset, spec.config, driver, storage=study.storage, split="valid", **share)
            return driver.failures
        finally:
            heartbeat.end()
