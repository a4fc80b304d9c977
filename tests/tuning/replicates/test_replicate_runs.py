"""Which trials are trained again on which seeds."""

from tuning.finals.finalists import Finalist, FinalRun, fresh_seeds, further_seeds
from tuning.replicates.runs import ReplicateRun, missing_replicates

FIRST, SECOND = Finalist("s.0", 0, {}), Finalist("s.1", 1, {})


def test_what_is_there_is_not_run_again_and_the_rest_goes_seed_by_seed():
    runs = missing_replicates([FIRST, SECOND], [7, 8], {"s.0": [7], "s.1": []})
    assert runs == [ReplicateRun(SECOND, 7), ReplicateRun(FIRST, 8), ReplicateRun(SECOND, 8)]
    assert [run.name for run in runs] == [f"replicates/{name}" for name in ("s.1.seed-7", "s.0.seed-8", "s.1.seed-8")]
    assert ReplicateRun(FIRST, 7) != FinalRun(FIRST, 7)


def test_the_seeds_are_none_of_those_of_finals_and_the_same_however_many():
    assert further_seeds(5, 3)[:2] == further_seeds(5, 2)
    assert not {5, *fresh_seeds(5, 500)} & {*further_seeds(5, 500)}
    assert max(further_seeds(2**31 - 1, 2)) < 2**31
