"""How much of the machines one trial gets where that is `auto`: the rules, with what was measured put in.

What is measured, and how, is in `dry_batch.py`; what the flags have to do with it in `share_out.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, NamedTuple

from athwe.config import Config
from athwe.config_files import override_config
from athwe.errors import ConfigError
from tuning.nodes.capacity import Node, trials_at_once
from tuning.planning.space import CategoricalParameter, Parameter, SearchSpace

RESERVE = 1.2
"""What a trial may need of a GPU, as a multiple of what was measured: batches differ, and so do their histories."""
MOST_ON_A_GPU = 8
"""Trials on one GPU: with more, starting kernels takes longer than running them."""
_TIE = 0.05
"""Two throughputs are the same within this share: a few steps are not measured better."""
_CLUSTER_KEYS = {"n_clusters", "cluster_components", "cluster_method"}
"""Dividing the items anew for each value takes long, and the labels take next to no memory."""


class Share(NamedTuple):
    """How many trials run at once, and what each gets."""

    concurrency: int
    gpus_per_trial: float
    cpus_per_trial: int


@dataclass(frozen=True)
class Measured:
    """What a dry batch took."""

    step_seconds: dict[int, float]
    """Median seconds of a step, by cores."""
    gpu_needed_bytes: int | None = None
    """The most of the GPU that the process held, its CUDA context included; None on the CPU."""
    gpu_bytes: int | None = None
    """What that GPU has."""


def share_of_gpu(needed_bytes: float, gpu_bytes: int, most: int = MOST_ON_A_GPU) -> float:
    """The smallest share 1/n of a GPU in which a trial fits, with `RESERVE`; 1 where it needs more than half.

    Ray counts in ten-thousandths, so that n shares are never more than the whole.

    >>> share_of_gpu(20e9, 80_000_000_000), share_of_gpu(1e9, 80_000_000_000), share_of_gpu(79e9, 80_000_000_000)
    (0.3333, 0.125, 1.0)
    """
    fitting = int(gpu_bytes / (needed_bytes * RESERVE))
    return floor(10_000 / max(1, min(fitting, most, MOST_ON_A_GPU))) / 10_000


def choose_gpu_share(at_hand: Measured, largest: Measured | None, most: int) -> tuple[float, str]:
    """The share of a GPU in which both trial 0 and the largest configuration of the space fit, and why, for the log.

    Args:
        at_hand: of trial 0.
        largest: of the largest configuration; None where a whole GPU is too small for it.
        most: trials that one GPU may have.
    """
    if at_hand.gpu_needed_bytes is None or at_hand.gpu_bytes is None:
        return 1.0, "PyTorch sees no GPU where Ray has one"
    has = f"a GPU's {at_hand.gpu_bytes / 1e9:.3g} GB"
    if largest is None or largest.gpu_needed_bytes is None:
        return 1.0, f"the largest configuration does not fit into {has}"
    needed = max(at_hand.gpu_needed_bytes, largest.gpu_needed_bytes)
    of_each = f"{largest.gpu_needed_bytes / 1e9:.3g} GB, trial 0 {at_hand.gpu_needed_bytes / 1e9:.3g} GB"
    return share_of_gpu(needed, at_hand.gpu_bytes, most), f"the largest configuration needs {of_each} of {has}"


def most_on_a_gpu(nodes: Sequence[Node], cpus: int) -> int:
    """How many trials a GPU can be shared by: no more than there are cores for, on any node that has GPUs."""
    return max(1, min((node.cores // cpus // node.gpus for node in nodes if node.gpus), default=1))


def core_counts(cores: int) -> list[int]:
    """How many cores to try a step with.

    >>> core_counts(6)
    [1, 2, 4]
    """
    return [2**power for power in range(max(1, cores).bit_length())]


def fastest_cores(
    step_seconds: Mapping[int, float],
    nodes: Sequence[Node],
    *,
    gpus_per_trial: float = 0.0,
    concurrency: int | None = None,
    trials: int,
) -> int:
    """The cores a trial with which all trials at once take the most steps a second; the fewest where it is the same.

    Args:
        step_seconds: seconds of a step by cores, measured with one trial alone.
        nodes: where the trials run.
        gpus_per_trial: a GPU, or share of one, that each needs beside its cores.
        concurrency: trials at once that were asked for, which must fit.
        trials: how many there are to run: cores for more at once are of no use.
    """
    fitting = {cores: trials_at_once(nodes, cores, gpus_per_trial) for cores in sorted(step_seconds)}
    speeds = {
        cores: min(count, concurrency or trials) / step_seconds[cores]
        for cores, count in fitting.items()
        if count >= (concurrency or 1)
    }
    best = max(speeds.values(), default=0.0)
    return next((cores for cores, speed in speeds.items() if speed >= best * (1 - _TIE)), min(step_seconds))


def largest_config(config: Config, space: SearchSpace) -> Config:
    """The configuration of the space that needs the most memory: every number at its upper bound.

    So sizes are at their largest, and no loss is switched off by a weight of 0. Where bounds exclude each other, they
    are laid over the configuration one after the other, and those that leave no valid one are left out.
    """
    bounds = {
        name: _highest(parameter, getattr(config, name))
        for name, parameter in space.root.items()
        if name not in _CLUSTER_KEYS
    }
    try:
        return override_config(config, bounds)
    except ConfigError:
        for name, value in bounds.items():
            config = _with(config, name, value)
        return config


def _highest(parameter: Parameter, at_hand: Any) -> Any:
    if not isinstance(parameter, CategoricalParameter):
        return parameter.high
    # Whether True or "relu" needs more memory than another choice cannot be told.
    numbers = [value for value in parameter.choices if isinstance(value, int | float) and not isinstance(value, bool)]
    return max(numbers, default=at_hand)


def _with(config: Config, name: str, value: Any) -> Config:
    try:
        return override_config(config, {name: value})
    except ConfigError:
        return config
