"""Who works on a study: a name for this process among all that ever may, whether the bearer of one is dead, a claim."""

import logging
import os
import socket
import time
import uuid
from datetime import datetime
from pathlib import Path

from tuning.errors import SearchError
from tuning.store import LIVE_SECONDS, Store, now

logger = logging.getLogger(__name__)


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
        SearchError: another driver's heartbeat goes on.
    """
    first, bearer = _heartbeat(store, study_name)
    if is_surely_dead(bearer):
        store.release_study(study_name, bearer)
    told = False
    while not store.claim_study(study_name, driver, live_seconds):
        beat, _ = _heartbeat(store, study_name)
        age = (now() - beat).total_seconds() if beat else 0
        if beat != first:
            raise SearchError(f"study {study_name!r} has a driver at work, alive {age:.0f} s ago: wait for its end")
        if not told:
            logger.info("the driver of %s was alive %.0f s ago; watching it for %.0f s", study_name, age, live_seconds)
            told = True
        time.sleep(0.5)


def _heartbeat(store: Store, study_name: str) -> tuple[datetime | None, str | None]:
    """When a driver was alive last, and which."""
    row = store.study(study_name) or {}
    return row.get("heartbeat_at"), row.get("driver")
