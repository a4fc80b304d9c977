"""From flags to what one trial gets of the machines; what is `auto` is chosen from dry batches, and said in the log."""

import logging
from collections.abc import Sequence
from contextlib import suppress

import ray

from tuning.choices import AUTO
from tuning.console import counted
from tuning.nodes.capacity import Node
from tuning.nodes.cluster import available, require_device, require_resources
from tuning.planning.plan import Plan
from tuning.sharing.dry_batch import OutOfMemory, run_dry_batch
from tuning.sharing.share import (
    MOST_ON_A_GPU,
    Measured,
    Share,
    choose_gpu_share,
    core_counts,
    fastest_cores,
    largest_config,
    most_on_a_gpu,
)

logger = logging.getLogger(__name__)


def share_out(plan: Plan, nodes: Sequence[Node]) -> Share:
    """What a trial gets of these machines; `auto` is the least that it may come to.

    Raises:
        SearchError: one trial, or as many at once as were asked for, need more than there is.
    """
    most_gpus = float(any(node.gpus for node in nodes) and plan.config.device != "cpu")
    cpus, gpus_per_trial = plan.flags.get("cpus_per_trial", 1), plan.flags.get("gpus_per_trial", most_gpus)
    least_cpus = 1 if cpus == AUTO else cpus
    return _fitting(plan, nodes, least_cpus, most_gpus / MOST_ON_A_GPU if gpus_per_trial == AUTO else gpus_per_trial)


def settle(plan: Plan, share: Share) -> Share:
    """The share with what is `auto` chosen. Ray has started.

    A study that is resumed is measured anew, since it may go on elsewhere; its spec keeps the numbers it began with.

    Raises:
        SearchError: the configuration at hand cannot be trained there, or not as many at once as were asked for.
    """
    chooses_cpus = plan.flags.get("cpus_per_trial") == AUTO
    chooses_gpus = plan.flags.get("gpus_per_trial") == AUTO and share.gpus_per_trial > 0
    if not (chooses_cpus or chooses_gpus):
        return share
    gpus, cpus = 1.0 if chooses_gpus else share.gpus_per_trial, share.cpus_per_trial
    nodes = [node for node in available() if node.gpus or not gpus]
    dataset = ray.put(plan.dataset)
    counts = core_counts(max(node.cores for node in nodes)) if chooses_cpus else [cpus]
    at_hand = run_dry_batch(plan.config, dataset, counts, gpus)
    if chooses_gpus:
        gpus = _choose_gpus(plan, dataset, at_hand, most_on_a_gpu(nodes, cpus), cpus)
    if chooses_cpus:
        wanted = plan.flags.get("concurrency")
        cpus = fastest_cores(
            at_hand.step_seconds, nodes, gpus_per_trial=gpus, concurrency=wanted, trials=plan.settings.trials
        )
        logger.info("cpus-per-trial %d: a step takes %s", cpus, in_words(at_hand.step_seconds))
    return _fitting(plan, available(), cpus, gpus)


def in_words(step_seconds: dict[int, float]) -> str:
    """Seconds of a step by cores, for the log.

    >>> in_words({1: 0.21, 2: 0.1534})
    '0.21 s on 1 core, 0.153 s on 2'
    """
    first, *others = step_seconds.items()
    words = [f"{first[1]:.3g} s on {counted(first[0], 'core')}"]
    return ", ".join(words + [f"{seconds:.3g} s on {cores}" for cores, seconds in others])


def _choose_gpus(plan: Plan, dataset: ray.ObjectRef, at_hand: Measured, most: int, cpus: int) -> float:
    largest = None
    if at_hand.gpu_needed_bytes is not None:
        with suppress(OutOfMemory):
            largest = run_dry_batch(largest_config(plan.config, plan.settings.space), dataset, [cpus], 1.0)
    share, why = choose_gpu_share(at_hand, largest, most)
    logger.info("gpus-per-trial %g: %s", share, why)
    return share


def _fitting(plan: Plan, nodes: Sequence[Node], cpus: int, gpus_per_trial: float) -> Share:
    require_device(plan.config.device, gpus_per_trial)
    concurrency = require_resources(
        nodes, concurrency=plan.flags.get("concurrency"), cpus=cpus, gpus_per_trial=gpus_per_trial
    )
    return Share(concurrency, gpus_per_trial, cpus)
