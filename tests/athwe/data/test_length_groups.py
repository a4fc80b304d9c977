import itertools

import numpy as np
import pytest

from athwe.data.length_groups import cut_by_length


def work(length, groups, overhead):
    return sum((group.stop - group.start) * length[group.stop - 1] + overhead for group in groups)


@pytest.mark.parametrize("overhead", [0, 3, 20, 1000])
def test_no_other_cut_costs_less(overhead):
    length = np.sort(np.random.default_rng(overhead).integers(1, 12, 9))
    groups = cut_by_length(length, overhead)
    assert [group.start for group in groups] == [0, *(group.stop for group in groups[:-1])]
    assert groups[-1].stop == 9
    cuts = itertools.chain.from_iterable(itertools.combinations(range(1, 9), count) for count in range(9))
    everything = [[slice(start, stop) for start, stop in itertools.pairwise((0, *cut, 9))] for cut in cuts]
    assert work(length, groups, overhead) == min(work(length, cut, overhead) for cut in everything)


def test_equal_lengths_stay_together():
    assert cut_by_length(np.full(1000, 7), 0) == [slice(0, 1000)]
