"""Who works on a study: a name for this process among all that ever may, whether the bearer of one is dead, a claim."""

import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path

from tuning.errors import SearchError
from tuning.store import LIVE_SECONDS, Heard, Store, StoreError, now

logger = logging.getLogger(__name__)

_MOST_APART_SECONDS = 600.0
"""The clocks of two machines are taken to be no further apart: a heartbeat older than this is a dead driver's."""
_LISTEN_SECONDS = 0.5


def _namespace() -> str:
    """Where process numbers mean the same: this boot of this machine, and this container of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux: nobody is known to be dead there
        return f"{socket.gethostname()}/{uuid.uuid4().hex}"


_NAMESPACE = _namespace()
DRIVER = f"{_NAMESPACE} {os.getpid()} {uuid.uuid4().hex[:8]}"
"""The name of this process."""


def is_surely_dead(driver: str | None) -> bool:
    """Whether a driver ran where we can see it and is gone; False where that cannot be known, or nobody is named."""
    namespace, _, rest = (driver or "").partition(" ")
    process = rest.partition(" ")[0]
    if namespace != _NAMESPACE or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def claim(store: Store, study_name: str, driver: str, live_seconds: float = LIVE_SECONDS) -> None:
    """Return once `driver` is the one that works on the study.

    A driver that was killed on this machine is known to be gone; the silence of any other is waited for.

    Raises:
        SearchError: another driver's heart beats.
    """
    heard, is_alive = _listen(store, study_name, live_seconds)
    if is_alive or not store.claim_study(study_name, driver, heard):
        raise SearchError(f"study {study_name!r} has a driver at work, whose heart beats: wait for its end")


def is_at_work(store: Store, study_name: str, live_seconds: float = LIVE_SECONDS) -> bool:
    """Whether some driver works on a study; one that was killed is told from one that lives by its next heartbeat.

    That takes five seconds with a living driver, and `live_seconds` at most. Nothing is written.
    """
    return _listen(store, study_name, live_seconds)[1]


def _listen(store: Store, study_name: str, live_seconds: float) -> tuple[Heard, bool]:
    """The last heartbeat in a study's row, and whether another one followed while we listened.

    `live_seconds` of our own clock are listened for: the one by which a heartbeat is dated may be wrong, or ours.
    """
    first = store.heartbeat(study_name)
    if first.at is None or is_surely_dead(first.driver):
        return first, False
    age_seconds = max((now() - first.at).total_seconds(), 0.0)  # its clock may be ahead of ours
    if age_seconds > _MOST_APART_SECONDS:
        return first, False
    logger.info("the driver of %s was alive %.0f s ago; watching it for %.0f s", study_name, age_seconds, live_seconds)
    until = time.monotonic() + live_seconds
    while time.monotonic() < until:
        time.sleep(_LISTEN_SECONDS)
        last = store.heartbeat(study_name)
        if last != first:
            return last, last.at is not None  # it has let go of the study where there is none
    return first, False


def _clocks() -> tuple[float, float]:
    """Seconds of two clocks: one that nobody sets, and one that goes on while the machine is suspended."""
    return time.monotonic(), time.time()


class Heartbeat:
    """Says in the store that this driver is alive, from a thread of its own: whatever else takes long.

    Begun once the study is claimed, ended by letting go of it.
    """

    SECONDS = 5.0

    def __init__(self, store: Store, study_name: str, driver: str = DRIVER):
        self._store = store
        self._study_name = study_name
        self._driver = driver
        self._is_over = threading.Event()
        self._beaten_at = _clocks()
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)
        self.was_taken_over = False
        """Whether another driver has claimed the study, since this one was silent for too long: nothing is to be
        written to it any more."""

    def begin(self) -> None:
        """Go on until `end`; once only."""
        if not self._thread.is_alive():
            self._thread.start()

    def renew_after_silence(self) -> None:
        """Ask before the next write, where this driver was stopped or cut off for long enough to be thought dead.

        Raises:
            StoreError: the store is away.
        """
        if max(late - early for late, early in zip(_clocks(), self._beaten_at, strict=True)) > LIVE_SECONDS / 2:
            self._beat()

    def require_mine(self) -> None:
        """See that the study is still this driver's.

        Raises:
            SearchError: it is not.
            StoreError: the store is away.
        """
        self._beat()
        if self.was_taken_over:
            raise SearchError(f"another driver has taken study {self._study_name!r} over, as this one was silent")

    def end(self) -> None:
        """Let go of the study."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._store.release_study(self._study_name, self._driver)
        except StoreError as error:
            logger.warning("the study is not let go of, a resume will wait for %.0f s: %s", LIVE_SECONDS, error)

    def _beat(self) -> None:
        if self.was_taken_over:
            return
        asked_at = _clocks()
        self.was_taken_over = not self._store.beat(self._study_name, self._driver)
        self._beaten_at = asked_at

    def _go_on(self) -> None:
        while not self.was_taken_over and not self._is_over.wait(self.SECONDS):
            try:
                self._beat()
            except StoreError as error:
                logger.debug("no heartbeat while the store is away: %s", error)
