"""Which trials the scheduler stops, spares and audits."""

import pickle
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler

from tuning.pruning.asha import AuditedASHA
from tuning.pruning.audited import Audit
from tuning.pruning.pruner import Report, replay

SPARED = {"beta": 0.2}
OBJECTIVE = "valid/ndcg@10"
STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE


def make(share: float = 0.0) -> AuditedASHA:
    options = {"time_attr": "epoch", "metric": OBJECTIVE, "mode": "max", "grace_period": 1, "reduction_factor": 3}
    return AuditedASHA(SPARED, Audit(share, seed=1), max_t=9, **options)


@pytest.fixture
def scheduler() -> AuditedASHA:
    return make()


def report(scheduler: AuditedASHA, number: int, value: float, *, beta: float = 0.5, epoch: int = 1) -> str:
    trial = SimpleNamespace(trial_id=f"trial-{number}", config={"number": number, "params": {"beta": beta}})
    if epoch == 1:
        scheduler.on_trial_add(None, trial)
    return scheduler.on_trial_result(None, trial, {"epoch": epoch, OBJECTIVE: value})


def test_the_configuration_at_hand_goes_on_where_another_trial_of_its_values_is_stopped(scheduler: AuditedASHA):
    report(scheduler, 1, 0.9)
    assert report(scheduler, 2, 0.1) == STOP
    assert report(scheduler, 0, 0.1, beta=0.2) == CONTINUE
    assert report(scheduler, 0, 0.1, beta=0.2, epoch=3) == CONTINUE
    assert scheduler.verdicts == {2: 1}


def test_the_configuration_at_hand_counts_on_the_rungs(scheduler: AuditedASHA):
    report(scheduler, 0, 0.9, beta=0.2)
    assert report(scheduler, 1, 0.1) == STOP


def test_the_first_trial_given_up_is_audited_and_runs_to_the_last_epoch():
    scheduler = make(share=1e-9)
    report(scheduler, 1, 0.9)
    assert report(scheduler, 2, 0.1) == CONTINUE
    assert report(scheduler, 3, 0.1) == STOP
    assert report(scheduler, 2, 0.0, epoch=3) == CONTINUE
    assert report(scheduler, 2, 0.0, epoch=9) == STOP
    assert scheduler.verdicts == {2: 1, 3: 1}


def test_what_an_audited_trial_reports_later_moves_no_rung():
    scheduler = make(share=1e-9)
    report(scheduler, 1, 0.9)
    report(scheduler, 2, 0.1)
    report(scheduler, 2, 1.0, epoch=3)  # would be the best of its rung
    assert report(scheduler, 1, 0.9, epoch=3) == CONTINUE


def test_the_audited_share_is_what_was_asked_for():
    audit = Audit(0.05, seed=3)
    wanted = [audit.wants(number, is_first=False) for number in range(4000)]
    assert 0.04 < sum(wanted) / len(wanted) < 0.06
    assert not Audit(0.0, seed=3).wants(1, is_first=True)


def test_a_replayed_scheduler_gives_the_verdicts_of_the_one_it_follows(scheduler: AuditedASHA):
    values = [(1, 0.5), (2, 0.6), (3, 0.1), (4, 0.7), (5, 0.2), (0, 0.1)]
    for number, value in values:
        report(scheduler, number, value, beta=0.2 if number == 0 else 0.5)
    again = make()
    replay(again, OBJECTIVE, [Report(n, {"beta": 0.2 if n == 0 else 0.5}, 1, value) for n, value in values])
    assert again.verdicts == scheduler.verdicts == {3: 1, 5: 1}
    assert report(again, 9, 0.55) == report(scheduler, 9, 0.55)


def test_a_trial_that_goes_on_keeps_its_places_on_the_rungs(scheduler: AuditedASHA):
    replay(scheduler, OBJECTIVE, [Report(1, {"beta": 0.5}, 1, 0.5), Report(2, {"beta": 0.5}, 1, 0.4)])
    again = SimpleNamespace(trial_id="again", config={"number": 9, "params": {"beta": 0.5}, "retry_of": 1})
    scheduler.on_trial_add(None, again)
    assert scheduler.on_trial_result(None, again, {"epoch": 2, OBJECTIVE: 0.1}) == CONTINUE, "judged in epoch 1"
    (rung,) = (recorded for milestone, recorded in scheduler._brackets[0]._rungs if milestone == 1)
    assert rung == {"again": 0.5, "earlier-2": 0.4}


def test_ray_can_pickle_it(scheduler: AuditedASHA):
    report(scheduler, 1, 0.9)
    assert pickle.loads(pickle.dumps(scheduler)).verdicts == scheduler.verdicts
