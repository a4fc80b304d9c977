import pytest

from athwe.config import Config
from tuning.planning.space import SearchSpace
from tuning.sharing.share import (
    MOST_ON_A_GPU,
    Measured,
    Node,
    choose_gpu_share,
    core_counts,
    fastest_cores,
    largest_config,
    most_on_a_gpu,
    share_of_gpu,
    trials_at_once,
)

GPU_BYTES = 80_000_000_000
FOUR_CORES = [Node(4, 0)]


@pytest.mark.parametrize(
    ("needed_gigabytes", "most", "share"),
    [
        (70, 8, 1.0),  # alone
        (66, 8, 1.0),
        (34, 8, 1.0),  # two of them would fit without a reserve only
        (33, 8, 0.5),
        (20, 8, 0.3333),
        (10, 8, 0.1666),
        (0.5, 8, 0.125),  # no more than eight
        (0.5, 3, 0.3333),  # no more than cores
        (0.5, 20, 0.125),
        (200, 8, 1.0),  # it does not fit at all: its trials will say so
    ],
)
def test_a_gpu_is_shared_by_as_many_trials_as_fit_with_a_reserve(needed_gigabytes: float, most: int, share: float):
    assert share_of_gpu(needed_gigabytes * 1e9, GPU_BYTES, most) == share


@pytest.mark.parametrize("trials", range(1, MOST_ON_A_GPU + 1))
@pytest.mark.parametrize("gpus", [1, 2, 8, 64])
def test_shares_are_counted_like_ray_counts_them(trials: int, gpus: int):
    share = share_of_gpu(1, GPU_BYTES, trials)
    assert int(gpus / share) == gpus * trials
    assert round(share * 10_000) * trials <= 10_000


@pytest.mark.parametrize(
    ("at_hand", "largest", "share", "why"),
    [
        (4.2, 9.1, 0.1428, "the largest configuration needs 9.1 GB, trial 0 4.2 GB of a GPU's 80 GB"),
        (20, 9.1, 0.3333, "the largest configuration needs 9.1 GB, trial 0 20 GB of a GPU's 80 GB"),
        (20, None, 1.0, "the largest configuration does not fit into a GPU's 80 GB"),
    ],
)
def test_the_larger_of_trial_0_and_the_largest_configuration_counts(
    at_hand: float, largest: float | None, share: float, why: str
):
    mine = Measured({1: 0.1}, round(at_hand * 1e9), GPU_BYTES)
    other = largest and Measured({1: 0.1}, round(largest * 1e9), GPU_BYTES)
    assert choose_gpu_share(mine, other or None, most=8) == (share, why)


def test_a_gpu_that_pytorch_does_not_see_is_not_shared():
    assert choose_gpu_share(Measured({1: 0.1}), None, most=8)[0] == 1.0


def test_a_gpu_has_no_more_trials_than_cores():
    assert most_on_a_gpu([Node(16, 4)], cpus=1) == 4
    assert most_on_a_gpu([Node(16, 4)], cpus=2) == 2
    assert most_on_a_gpu([Node(16, 4), Node(4, 2), Node(64, 0)], cpus=1) == 2  # the narrowest node that has GPUs
    assert most_on_a_gpu([Node(2, 8)], cpus=1) == 1
    assert most_on_a_gpu([Node(2, 0)], cpus=1) == 1


def test_no_trial_is_on_two_nodes():
    assert trials_at_once([Node(3, 0), Node(3, 0)], 2, 0) == 2
    assert trials_at_once([Node(8, 1), Node(8, 0)], 1, 0.25) == 4


def test_powers_of_two_are_tried_up_to_the_cores():
    assert [core_counts(cores) for cores in (1, 2, 3, 4, 9)] == [[1], [1, 2], [1, 2], [1, 2, 4], [1, 2, 4, 8]]


@pytest.mark.parametrize(
    ("seconds", "cores"),
    [
        ({1: 0.4, 2: 0.3, 4: 0.25}, 1),  # more cores help, but not as much as more trials do
        ({1: 0.4, 2: 0.2, 4: 0.1}, 1),  # the same throughput: the fewest
        ({1: 0.4, 2: 0.195, 4: 0.1}, 1),  # 2.6 % more is a measurement's noise
        ({1: 0.4, 2: 0.15, 4: 0.1}, 2),  # what two share fits their cache
        ({1: 0.4, 2: 0.2, 4: 0.05}, 4),
        ({1: 0.4}, 1),
    ],
)
def test_the_cores_with_the_highest_throughput_are_chosen(seconds: dict[int, float], cores: int):
    assert fastest_cores(seconds, FOUR_CORES, trials=100) == cores


def test_cores_for_more_trials_than_there_can_be_go_to_those_there_are():
    seconds = {1: 0.4, 2: 0.3, 4: 0.25}
    assert fastest_cores(seconds, FOUR_CORES, trials=1) == 4
    assert fastest_cores(seconds, FOUR_CORES, trials=2) == 2
    assert fastest_cores(seconds, FOUR_CORES, trials=100, concurrency=2) == 2
    assert fastest_cores(seconds, FOUR_CORES, trials=100, concurrency=4) == 1
    assert fastest_cores(seconds, [Node(4, 1)], gpus_per_trial=0.5, trials=100) == 2
    assert fastest_cores(seconds, [Node(4, 1)], gpus_per_trial=1, trials=100) == 4
    assert fastest_cores(seconds, FOUR_CORES, trials=100, concurrency=5) == 1  # refused after


def test_the_largest_configuration_has_every_number_at_its_upper_bound():
    space = SearchSpace.model_validate(
        {
            "routed_expert_nums": {"type": "int", "low": 2, "high": 16},
            "moe_topk": {"type": "int", "low": 1, "high": 12},  # above the 8 experts of the configuration at hand
            "phcl_weight": {"type": "float", "low": 0, "high": 2},
            "n_clusters": {"type": "int", "low": 20, "high": 200},
            "hidden_size": {"type": "categorical", "choices": [32, 128]},
            "hidden_act": {"type": "categorical", "choices": ["gelu", "relu"]},
        }
    )
    config = Config(phcl_weight=0, hidden_act="relu")
    expected = {"routed_expert_nums": 16, "moe_topk": 12, "phcl_weight": 2, "hidden_size": 128}
    assert largest_config(config, space) == config.model_copy(update=expected)


def test_bounds_that_exclude_each_other_are_left_out():
    space = SearchSpace.model_validate(
        {
            "moe_topk": {"type": "int", "low": 1, "high": 8},
            "routed_expert_nums": {"type": "int", "low": 2, "high": 4},
            "inner_size": {"type": "int", "low": 64, "high": 512},
        }
    )
    largest = largest_config(Config(), space)
    assert (largest.moe_topk, largest.routed_expert_nums, largest.inner_size) == (8, 8, 512)
