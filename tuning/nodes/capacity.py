"""Machines and how many trials fit on them."""

from collections.abc import Sequence
from typing import NamedTuple

_ROUNDING = 1e-6
"""A third of a GPU is not three thirds of one in floating point."""


class Node(NamedTuple):
    """What a machine has."""

    cores: int
    gpus: int


def trials_at_once(nodes: Sequence[Node], cpus: int, gpus_per_trial: float) -> int:
    """How many trials fit: one is never on two nodes, nor a share of a GPU on two GPUs.

    >>> trials_at_once([Node(3, 0), Node(3, 0)], 2, 0), trials_at_once([Node(8, 2)], 1, 0.6)
    (2, 2)
    >>> trials_at_once([Node(4, 1), Node(3, 0)], 1, 1 / 3), trials_at_once([Node(8, 3)], 1, 2)
    (3, 1)
    """
    return sum(min(node.cores // cpus, _on_gpus(node.gpus, gpus_per_trial, node.cores)) for node in nodes)


def _on_gpus(gpus: int, gpus_per_trial: float, without: int) -> int:
    if not gpus_per_trial:
        return without
    if gpus_per_trial <= 1:
        return gpus * int(1 / gpus_per_trial + _ROUNDING)
    return gpus // int(gpus_per_trial)
