"""The ledger of looks at test, as the driver that looks keeps it: alone on its study, none lost, none doubled."""

import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from tuning.books.driver import claim
from tuning.errors import SearchError
from tuning.finals.finalists import FinalRun
from tuning.store import Store, StoreError

logger = logging.getLogger(__name__)

_BEAT_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_MOST_AWAY_SECONDS = 60.0


class Ledger:
    """Writes the looks at one study's test split. A context manager: within, no other driver works on the study.

    Raises:
        SearchError: another driver is alive.
    """

    def __init__(self, store: Store, study_name: str, driver: str, facts: Mapping[str, Any]):
        self._store = store
        self._study_name = study_name
        self._driver = driver
        self._facts = dict(facts)
        self._beat_at = 0.0

    def __enter__(self) -> "Ledger":
        claim(self._store, self._study_name, self._driver)
        return self

    def __exit__(self, *_: object) -> None:
        self._store.release_study(self._study_name, self._driver)

    def looks(self) -> pd.DataFrame:
        """All there are, oldest first."""
        return self._store.test_evaluations(self._study_name)

    def beat(self) -> None:
        """Say that this driver is alive, if it is time to.

        Raises:
            SearchError: another driver has taken over, since this one seemed dead.
        """
        if time.monotonic() - self._beat_at < _BEAT_SECONDS:
            return
        self._beat_at = time.monotonic()
        try:
            is_mine = self._store.beat(self._study_name, self._driver)
        except StoreError as error:
            logger.warning("the store is away, training goes on: %s", error)
            return
        if not is_mine:
            raise SearchError(f"another driver has taken study {self._study_name!r} over, as this one was silent")

    def write(self, run: FinalRun, metrics: Mapping[str, float]) -> None:
        """Add a look; while the store is away, try again.

        Raises:
            StoreError: it did not come back in time.
        """
        row = {
            "study_name": self._study_name,
            "trial_id": run.finalist.trial_id,
            "seed": run.seed,
            "metrics_json": json.dumps(dict(metrics)),
            **self._facts,
        }
        deadline = time.monotonic() + _MOST_AWAY_SECONDS
        while True:
            try:
                return self._store.save_test_evaluation(row)
            except StoreError as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("the store is away, the look of %s waits: %s", run, error)
            time.sleep(_RETRY_SECONDS)
            with suppress(StoreError):  # still away
                if self._has(run):
                    return None  # written before, by a try whose answer was lost

    def _has(self, run: FinalRun) -> bool:
        looks = self.looks()
        return bool(((looks["trial_id"] == run.finalist.trial_id) & (looks["seed"] == run.seed)).any())
