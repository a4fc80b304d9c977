"""Which trials the scheduler stops."""

from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler

from tuning.run import SparingASHA

SPARED = {"beta": 0.2}


@pytest.fixture
def scheduler() -> SparingASHA:
    return SparingASHA(
        SPARED, time_attr="epoch", metric="valid/ndcg@10", mode="max", max_t=9, grace_period=1, reduction_factor=3
    )


def report(scheduler: SparingASHA, trial_id: str, beta: float, value: float, *, epoch: int = 1) -> str:
    trial = SimpleNamespace(trial_id=trial_id, config={"number": 7, "params": {"beta": beta}})
    if epoch == 1:
        scheduler.on_trial_add(None, trial)
    return scheduler.on_trial_result(None, trial, {"epoch": epoch, "valid/ndcg@10": value})


def test_the_configuration_at_hand_goes_on_where_another_trial_of_its_values_is_stopped(scheduler: SparingASHA):
    report(scheduler, "good", 0.3, 0.9)
    assert report(scheduler, "bad", 0.4, 0.1) == TrialScheduler.STOP
    assert report(scheduler, "spared", 0.2, 0.1) == TrialScheduler.CONTINUE
    assert report(scheduler, "spared", 0.2, 0.1, epoch=3) == TrialScheduler.CONTINUE


def test_the_configuration_at_hand_counts_on_the_rungs(scheduler: SparingASHA):
    report(scheduler, "spared", 0.2, 0.9)
    assert report(scheduler, "worse", 0.3, 0.1) == TrialScheduler.STOP
