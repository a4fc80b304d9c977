"""The Ray that a search runs on: one of its own on this machine, or a cluster it attaches to."""

import os
from collections.abc import Sequence
from pathlib import Path

import ray
from ray._private import services, worker
from ray.exceptions import RayError

from tuning.errors import SearchError
from tuning.nodes.capacity import Node, trials_at_once
from tuning.nodes.provenance import core_count

_LOOPBACK = "127.0.0.1"
_ROOT = Path(__file__).resolve().parents[2]


def start_ray(address: str | None) -> None:
    """Start Ray on this machine, bound to loopback, or attach to a cluster.

    Raises:
        SearchError: the cluster cannot be attached to.
    """
    worker._worker_logs_enabled = False  # a lost worker is announced by us, in one line
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL", "configure_logging": False}
    if address is None:
        # A checkout that was not installed: workers find our packages as the driver does.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        # Ray replaces a loopback address by the machine's own, which others can reach, unless it finds no other.
        services.get_node_ip_address = lambda *_, **__: _LOOPBACK
        ray.init(address="local", num_cpus=core_count(), include_dashboard=False, _node_ip_address=_LOOPBACK, **quiet)
        return
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        reason = " ".join(str(error).split())
        raise SearchError(f"cannot attach to the Ray cluster at {address}: {reason}") from None


def available() -> list[Node]:
    """What each node has."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in resources]


def require_resources(nodes: Sequence[Node], *, concurrency: int | None, cpus: int, gpus_per_trial: float) -> int:
    """The concurrency to run with: as given, or as many trials as fit.

    Raises:
        SearchError: one trial or that many at once need more than there is.
    """
    most_cores, most_gpus = (max((node[index] for node in nodes), default=0) for index in (0, 1))
    if cpus > most_cores:
        raise SearchError(f"--cpus-per-trial {cpus} is above the {most_cores} cores there are{_each(nodes)}")
    if gpus_per_trial > most_gpus:
        raise SearchError(f"--gpus-per-trial {gpus_per_trial:g} asks for GPUs, there are {most_gpus}{_each(nodes)}")
    fitting = trials_at_once(nodes, cpus, gpus_per_trial)
    if not fitting:
        raise SearchError(
            f"no node has the {cpus} cores and {gpus_per_trial:g} GPUs of a trial: give less of --cpus-per-trial"
        )
    if concurrency and concurrency > fitting:
        cores, gpus = (sum(node[index] for node in nodes) for index in (0, 1))
        raise SearchError(
            f"--concurrency {concurrency} is more than fits into {cores} cores and {gpus} GPUs: {fitting} trials "
            f"of {cpus} cores and {gpus_per_trial:g} GPUs"
        )
    return concurrency or fitting


def _each(nodes: Sequence[Node]) -> str:
    return " on one node" if len(nodes) > 1 else ""


def require_device(device: str, gpus_per_trial: float) -> None:
    """A trial sees only the GPUs that Ray gives it.

    Raises:
        SearchError: the configuration asks for a GPU that no trial would get.
    """
    if device.startswith("cuda") and not gpus_per_trial:
        raise SearchError(f"device {device!r} needs a GPU in every trial: give --gpus-per-trial, or --set device=cpu")
    if device == "mps":
        raise SearchError("device 'mps' cannot be shared out to trials: use --set device=cpu")
