"""How many trials run at once on these machines."""

import pytest

from tuning.errors import SearchError
from tuning.nodes.capacity import Node
from tuning.nodes.cluster import require_resources


def fitting(nodes: list[Node], concurrency: int | None = None, cpus: int = 1, gpus_per_trial: float = 0.0) -> int:
    return require_resources(nodes, concurrency=concurrency, cpus=cpus, gpus_per_trial=gpus_per_trial)


def test_a_trial_is_on_one_node_and_on_one_gpu():
    assert fitting([Node(3, 0), Node(3, 0)], cpus=2) == 2
    assert fitting([Node(16, 2)], gpus_per_trial=0.6) == 2
    assert fitting([Node(16, 2)], gpus_per_trial=0.5) == 4
    assert fitting([Node(16, 3)], gpus_per_trial=1 / 3) == 9


@pytest.mark.parametrize(
    ("nodes", "asked", "message"),
    [
        ([Node(2, 0), Node(2, 0)], {"cpus": 4}, "--cpus-per-trial 4 is above the 2 cores there are on one node"),
        ([Node(2, 0)], {"gpus_per_trial": 1}, "--gpus-per-trial 1 asks for GPUs, there are 0"),
        ([Node(1, 1), Node(8, 0)], {"cpus": 2, "gpus_per_trial": 1}, "no node has the 2 cores and 1 GPUs of a trial"),
        ([Node(3, 0), Node(3, 0)], {"cpus": 2, "concurrency": 3}, "--concurrency 3 is more than fits into 6 cores"),
    ],
)
def test_more_than_there_is_is_refused(nodes: list[Node], asked: dict, message: str):
    with pytest.raises(SearchError, match=message):
        fitting(nodes, **asked)
