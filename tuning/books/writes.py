"""Writes to a database that may go away: kept in order, tried again, dropped when the study is another driver's."""

import logging
import time
from collections import deque
from collections.abc import Callable

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from tuning.books.driver import Heartbeat
from tuning.store import StoreError

logger = logging.getLogger(__name__)

DATABASE_AWAY = (StoreError, StorageInternalError, SQLAlchemyError)
_RETRY_SECONDS = 1.0


class WriteQueue:
    """What is to be written waits here while the database is away; training goes on meanwhile."""

    def __init__(self, heartbeat: Heartbeat | None = None):
        self._heartbeat = heartbeat
        self._waiting: deque[Callable[[], None]] = deque()
        self._retry_at = 0.0

    @property
    def was_taken_over(self) -> bool:
        """Whether another driver works on the study: what is still to be written is dropped."""
        return self._heartbeat is not None and self._heartbeat.was_taken_over

    def add(self, write: Callable[[], None]) -> None:
        """Write it now, or once what came before it is written. It may be tried more than once."""
        self._waiting.append(write)
        self.flush()

    def flush(self) -> bool:
        """Write what waits, in order; whether all of it is written and the study is still this driver's.

        False says that nothing else may be written either, such as a proposal to Optuna's tables.
        """
        if time.monotonic() < self._retry_at:
            return False
        try:
            while self._is_mine() and self._waiting:
                self._write_first()
        except DATABASE_AWAY as error:
            self._wait(error)
            return False
        if self.was_taken_over:
            self._waiting.clear()
            return False
        if self._retry_at:
            logger.info("the store is back")
            self._retry_at = 0.0
        return True

    def finish(self, timeout_seconds: float) -> None:
        """Write what waits; nothing where another driver has taken the study over.

        Raises:
            StoreError: the store did not come back in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self.flush() and not self.was_taken_over:
            if time.monotonic() > deadline:
                raise StoreError(f"the store did not come back, {len(self._waiting)} writes are lost: resume the study")
            time.sleep(_RETRY_SECONDS / 4)

    def _is_mine(self) -> bool:
        if self._heartbeat is not None:
            self._heartbeat.renew_after_silence()
        return not self.was_taken_over

    def _write_first(self) -> None:
        """Raises only where the database is away: whatever else goes wrong would hold up all later writes for good."""
        try:
            self._waiting[0]()
        except (UpdateFinishedTrialError, *DATABASE_AWAY) as error:
            if not _is_for_good(error):
                raise
            logger.error("this cannot be written and is left out: %s", error)
        except Exception:
            logger.exception("this cannot be written and is left out")
        self._waiting.popleft()

    def _wait(self, error: Exception) -> None:
        if not self._retry_at:
            logger.warning("the store is away, the search goes on and keeps what it has to write: %s", error)
        self._retry_at = time.monotonic() + _RETRY_SECONDS


def _is_for_good(error: BaseException | None) -> bool:
    """Whether trying again cannot help: it is no connection that fails, but what is written."""
    while error is not None:
        if isinstance(error, UpdateFinishedTrialError | IntegrityError | DataError | ProgrammingError):
            return True
        error = error.__cause__
    return False
