"""Who works on a study: a name for this process among all that ever may, and whether the bearer of one is dead."""

import os
import socket
import uuid
from pathlib import Path


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
