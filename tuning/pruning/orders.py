"""The same trials in other orders: how much of what a pruner saves and loses is the luck of who came first."""

import random
from collections.abc import Iterable, Sequence

from tuning.pruning.pruner import Report


def random_orders(numbers: Iterable[int], count: int, seed: int) -> list[list[int]]:
    """Orders of trials; the first stays the first, as every study begins with the configuration at hand."""
    first, *rest = sorted(numbers)
    generator = random.Random(seed)
    return [[first, *generator.sample(rest, len(rest))] for _ in range(count)]


def one_after_another(reports: Iterable[Report], order: Sequence[int]) -> list[Report]:
    """The reports as they would have come, had one trial at a time been trained in this order."""
    place = {number: index for index, number in enumerate(order)}
    return sorted(reports, key=lambda report: (place[report.number], report.epoch))
