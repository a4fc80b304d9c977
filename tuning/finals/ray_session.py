"""Ray for configurations that are trained again, and what of the machines each run gets."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
import torch

from tuning.nodes.address import cluster_address
from tuning.nodes.capacity import Node
from tuning.nodes.cluster import available, require_device, require_resources, start_ray
from tuning.nodes.provenance import core_count
from tuning.planning.spec import Spec
from tuning.quiet import ConsoleLog


@contextmanager
def ray_session(spec: Spec, arguments: argparse.Namespace, log: ConsoleLog) -> Iterator[dict[str, Any]]:
    """Start or join Ray and leave it at the end; gives `run_finals` what each run has, as keyword arguments.

    Args:
        arguments: with `address`, `concurrency` and `cpus_per_trial`, each None where none was given.

    Raises:
        SearchError: no cluster answers, or more is asked for than fits; on one machine before Ray has started.
    """
    address = cluster_address(arguments.address)
    if address is None:  # what this machine has is known before Ray has started
        _share_out(spec, arguments, [Node(core_count(), torch.cuda.device_count())])
    start_ray(address)
    try:
        share = _share_out(spec, arguments, available())
        log.open_up()
        yield share
    finally:
        ray.shutdown()


def _share_out(spec: Spec, arguments: argparse.Namespace, nodes: Sequence[Node]) -> dict[str, Any]:
    """Runs at once, cores and GPUs of each: as a trial of the search had them, as far as there are GPUs here."""
    cpus = arguments.cpus_per_trial or spec.cpus_per_trial
    gpus_per_run = spec.gpus_per_trial if any(node.gpus for node in nodes) else 0.0
    require_device(spec.config.device, gpus_per_run)
    concurrency = require_resources(nodes, concurrency=arguments.concurrency, cpus=cpus, gpus_per_trial=gpus_per_run)
    return {"concurrency": concurrency, "cpus": cpus, "gpus": gpus_per_run}
