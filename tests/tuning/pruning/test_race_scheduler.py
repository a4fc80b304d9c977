"""Which trials a race stops, spares and audits; a resumed one judges as the one before it."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from ray.tune.schedulers import TrialScheduler
from stored_search import create, make_spec

from athwe.errors import ConfigError
from tuning.pruning.audit import audit_of
from tuning.pruning.earlier import reports_of
from tuning.pruning.pruner import Report, make_scheduler, replay
from tuning.pruning.race_scheduler import AuditedRace
from tuning.schema import COMPLETE, PRUNED, REPORTED_SECONDS
from tuning.store import Store
from tuning.user_ranks import USER_RANKS, ranks_to_bytes

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE
OBJECTIVE = "valid/ndcg@10"
GOOD, BAD = (ranks_to_bytes(np.full(100, rank), most=100) for rank in (1, 5))
SPARED = {"beta": 0.2, "hidden_act": "gelu"}


def make(share: float = 0.0, grace: int = 1) -> AuditedRace:
    scheduler = make_scheduler(make_spec(pruner={"name": "racing", "audit_share": share, "grace_epochs": grace}))
    assert isinstance(scheduler, AuditedRace)
    return scheduler


def trial_of(number: int, retry_of: int | None = None) -> SimpleNamespace:
    params = SPARED if number == 0 else {"beta": 0.5, "hidden_act": "gelu"}
    return SimpleNamespace(trial_id=f"t{number}", config={"number": number, "params": params, "retry_of": retry_of})


def report(scheduler: AuditedRace, number: int, ranks: bytes, epoch: int = 1) -> str:
    return scheduler.on_trial_result(None, trial_of(number), {"epoch": epoch, OBJECTIVE: 0.5, USER_RANKS: ranks})


def test_a_trial_behind_is_stopped_and_the_configuration_at_hand_is_not():
    scheduler = make()
    assert report(scheduler, 1, GOOD) == CONTINUE
    assert report(scheduler, 2, BAD) == STOP
    assert report(scheduler, 0, BAD) == CONTINUE
    assert scheduler.verdicts == {2: 1}


def test_nobody_is_stopped_before_the_first_rung_nor_in_the_last_epoch():
    scheduler = make(grace=3)
    assert scheduler.rung_epochs == [3, 4, 5, 6, 7, 8]
    for epoch in (1, 2, 9):
        report(scheduler, 1, GOOD, epoch)
        assert report(scheduler, 2, BAD, epoch) == CONTINUE


def test_an_audited_trial_goes_on_to_its_end_and_leads_no_more():
    scheduler = make(share=1e-9)
    report(scheduler, 1, GOOD)
    assert report(scheduler, 2, BAD) == CONTINUE
    report(scheduler, 2, GOOD, epoch=2)
    assert report(scheduler, 3, BAD, epoch=2) == CONTINUE, "held against what an audited trial became"
    assert report(scheduler, 2, GOOD, epoch=9) == STOP
    assert scheduler.verdicts == {2: 1}


def test_an_epoch_that_was_not_validated_is_no_look():
    scheduler = make()
    assert scheduler.on_trial_result(None, trial_of(1), {"epoch": 1, "train/loss_total": 1.0}) == CONTINUE


def test_a_trial_that_goes_on_is_not_held_against_itself():
    scheduler = make()
    replay(scheduler, OBJECTIVE, [Report(1, {}, 1, 0.5, GOOD)])
    scheduler.on_trial_add(None, trial_of(2, retry_of=1))
    assert report(scheduler, 2, BAD) == CONTINUE
    assert report(scheduler, 3, BAD) == CONTINUE, "the repeated epoch replaces the one that was lost"


def test_ray_can_pickle_it():
    scheduler = make()
    report(scheduler, 1, GOOD)
    assert report(pickle.loads(pickle.dumps(scheduler)), 2, BAD) == STOP


def stored_race(store: Store) -> AuditedRace:
    """Trials of which two fall behind, one of them in its last epoch, which it ended by itself."""
    spec = make_spec(pruner={"name": "racing"})
    create(store, spec)
    live, clock = make(), 0.0
    for number, (ranks, epochs) in enumerate([(GOOD, 9), (BAD, 9), (GOOD, 9), (BAD, 1), (BAD, 9)]):
        state = COMPLETE
        trial_id = f"study.{number}"
        store.save_trial(
            {"trial_id": trial_id, "study_name": "study", "number": number, "state": state, "params_json": "{}"}
        )
        for epoch in range(1, epochs + 1):
            clock += 1
            store.save_metrics(trial_id, epoch, {OBJECTIVE: 0.5, REPORTED_SECONDS: clock})
            store.save_user_ranks(trial_id, epoch, ranks)
            result = {"epoch": epoch, OBJECTIVE: 0.5, USER_RANKS: ranks}
            if epoch == epochs:
                live.on_trial_complete(None, trial_of(number + 10), result | {"epoch": epoch})
            elif live.on_trial_result(None, trial_of(number + 10), result) == STOP:
                state = PRUNED
                break
        store.save_trial(
            {"trial_id": trial_id, "state": state, "value": 0.5, "pruned_epoch": live.verdicts.get(number + 10)}
        )
    return live


def test_a_race_is_rebuilt_from_the_store(store: Store):
    live = stored_race(store)
    again = make()
    replay(again, OBJECTIVE, reports_of(store, "study", OBJECTIVE, with_ranks=True))
    assert {number + 10: epoch for number, epoch in again.verdicts.items()} == live.verdicts == {11: 1, 14: 1}
    for number, ranks in ((20, BAD), (21, GOOD)):
        assert report(again, number, ranks) == report(live, number, ranks)
    audit = audit_of(store, make_spec(pruner={"name": "racing"}))
    assert audit is not None and audit.given_up == 2 and [rung.epoch for rung in audit.rungs] == list(range(1, 9))


@pytest.mark.parametrize(
    ("users", "objective", "message"), [(0, OBJECTIVE, "race_users is 0"), (9, "valid/slice@10", "slice")]
)
def test_what_cannot_be_raced_is_said_at_once(users: int, objective: str, message: str):
    pruner = make_spec(pruner={"name": "racing", "race_users": users}).settings.pruner
    with pytest.raises(ConfigError, match=message):
        pruner.require_users(objective)
    pruner.model_copy(update={"name": "asha"}).require_users(objective)
