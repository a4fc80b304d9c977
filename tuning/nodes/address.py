"""Which cluster a search attaches to; found out, and heard from, before Ray itself would try for minutes."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from tuning.errors import SearchError

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_ASK_FOR_THE_CLUSTER = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"


def wanted_address(given: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The cluster asked for: as given, or what `ray job submit` sets; None for a Ray of our own.

    >>> wanted_address("local", {"RAY_ADDRESS": "10.0.0.1:6379"}) is None
    True
    """
    address = given or environment.get("RAY_ADDRESS") or None
    return None if address == "local" else address


def cluster_address(given: str | None) -> str | None:
    """`host:port` of the cluster to attach to, whose head has answered; None for a Ray of our own.

    Raises:
        SearchError: not an address of a cluster, none on this machine for `auto`, or no head answers there.
    """
    address = wanted_address(given)
    if address == "auto":
        address = _running_here()
    if address is None:
        return None
    if "://" in address:
        raise SearchError(
            f"--address takes host:port of a cluster's head, got {address!r}; "
            "an http address is for `ray job submit --address … --working-dir . -- python tuning/search.py …`"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SearchError(f"--address takes host:port of a cluster's head, got {address!r}")
    try:
        _require_head(address)
    except SearchError as error:
        if wanted_address(given) == "auto":  # Ray may remember one that is gone
            raise SearchError(f"{error} (found by --address auto; `ray stop` forgets it)") from None
        raise
    return address


def _running_here() -> str:
    """What `auto` means: the cluster that this machine is a node of."""
    from ray._private import services

    try:
        found = services.canonicalize_bootstrap_address("auto")
    except (ConnectionError, ValueError):
        found = None
    if found is None:
        raise SearchError(
            "no Ray cluster runs on this machine for --address auto: give host:port of a cluster's head, or leave "
            "--address out for a Ray of its own"
        )
    return found


def _require_head(address: str) -> None:
    """Ask in a process of its own, which can be ended: in this one Ray would block for 40 s, or exit after 80."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise SearchError(f"no Ray cluster answers at {address}: {error}") from None
    command = [sys.executable, "-c", _ASK_FOR_THE_CLUSTER, address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SearchError(
            f"what listens at {address} does not answer as a Ray cluster within {_ANSWER_SECONDS:g} s: give the head's "
            "port, 6379 where `ray start --head` was given none"
        ) from None
    if done.returncode == 0:
        return
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    if any("Authenticat" in line or "AuthToken" in line for line in lines):
        raise SearchError(
            f"the Ray cluster at {address} takes no one without its token: set RAY_AUTH_MODE=token, and the token in "
            "RAY_AUTH_TOKEN or ~/.ray/auth_token (on the head, `ray get-auth-token` shows it)"
        )
    raise SearchError(f"no Ray cluster answers at {address}: {lines[-1]}")
