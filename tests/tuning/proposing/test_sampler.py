import time

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from ray import cloudpickle
from ray.tune.search import Searcher
from tiny_search import UnreliableStore

from athwe.config import Config
from tuning.books.journal import Journal
from tuning.planning.space import SearchSpace
from tuning.planning.spec import SamplerSettings
from tuning.proposing.proposals import RESUME_CHECKPOINT, RETRY_OF
from tuning.proposing.sampler import OptunaSearcher, make_sampler
from tuning.schema import COMPLETE, FAIL, INVALID, WORKER_LOST
from tuning.store import LIVE_SECONDS, Store
from tuning.training.endings import Ending

PAIRS = SearchSpace.model_validate(
    {"moe_topk": {"type": "int", "low": 1, "high": 2}, "routed_expert_nums": {"type": "int", "low": 1, "high": 2}}
)
"""Four pairs, of which (2, 1) is impossible."""


@pytest.fixture
def searcher(study: optuna.Study, journal: Journal) -> OptunaSearcher:
    study.sampler = make_sampler(SamplerSettings(name="random"), seed=0)
    return OptunaSearcher(study, PAIRS, Config(moe_topk=1), journal)


def test_trial_0_is_the_configuration_at_hand_out_of_range_or_not(study: optuna.Study, searcher: OptunaSearcher):
    published = {"moe_topk": 6, "routed_expert_nums": 8}
    study.enqueue_trial(published)
    assert searcher.suggest("a") == {"number": 0, "params": published, RESUME_CHECKPOINT: None, RETRY_OF: None}
    assert study.trials[0].params == published


def test_each_possible_pair_runs_once_and_the_rest_is_recorded_as_invalid(
    study: optuna.Study, searcher: OptunaSearcher, store: Store
):
    proposals = [searcher.suggest(str(index)) for index in range(4)]
    ran = [(one["params"]["moe_topk"], one["params"]["routed_expert_nums"]) for one in proposals[:3]]
    assert sorted(ran) == [(1, 1), (1, 2), (2, 2)]
    assert proposals[3] == Searcher.FINISHED
    rejected = [trial for trial in study.trials if trial.user_attrs.get("reason") == INVALID]
    assert {trial.state.name for trial in rejected} == {FAIL}
    errors = {trial.user_attrs["error"] for trial in rejected}
    assert any("moe_topk 2 is above routed_expert_nums 1" in error for error in errors)
    assert any(error.startswith("the same parameters as trial") for error in errors)
    stored = store.trials("s")
    assert stored["number"].tolist() == [trial.number for trial in study.trials]
    assert stored[stored["reason"] == INVALID]["number"].tolist() == [trial.number for trial in rejected]


def test_a_lost_trial_is_taken_up_again_though_its_parameters_ran(
    study: optuna.Study, searcher: OptunaSearcher, journal: Journal
):
    study.enqueue_trial({"moe_topk": 1, "routed_expert_nums": 2})
    first = searcher.suggest("a")
    journal.ended(first["number"], Ending(FAIL, WORKER_LOST, "lost"))
    attributes = {RESUME_CHECKPOINT: "/checkpoint", RETRY_OF: first["number"]}
    study.enqueue_trial(first["params"], user_attrs=attributes)
    again = searcher.suggest("b")
    assert again["params"] == first["params"]
    assert again[RESUME_CHECKPOINT] == "/checkpoint"
    assert journal.records[again["number"]].retry_of == first["number"]


def test_a_resumed_search_does_not_run_what_ran_before(study: optuna.Study, searcher: OptunaSearcher, journal: Journal):
    for index in range(3):
        number = searcher.suggest(str(index))["number"]
        journal.records[number].best_value = 0.5
        journal.ended(number, Ending(COMPLETE))
    other = OptunaSearcher(study, PAIRS, Config(moe_topk=1), journal)
    assert other.suggest("d") == Searcher.FINISHED


def test_nothing_is_proposed_while_the_store_is_away(
    searcher: OptunaSearcher, journal: Journal, store: UnreliableStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tuning.books.writes._RETRY_SECONDS", 0.0)
    store.is_away = True
    journal._write(lambda: store.update_study("s", ended_at=None))
    assert searcher.suggest("a") is None
    store.is_away = False
    assert searcher.suggest("a")["number"] == 0


class CutOffStudy(optuna.Study):
    """A study whose database can be cut off while a trial is drawn."""

    is_away = False

    def ask(self, *arguments, **options):
        trial = super().ask(*arguments, **options)
        if self.is_away:
            raise StorageInternalError("away")
        return trial


def test_a_driver_that_was_taken_over_while_it_was_cut_off_leaves_the_other_s_trials_alone(
    study: optuna.Study, store: UnreliableStore, journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    cut_off = CutOffStudy("s", study._storage)
    searcher = OptunaSearcher(cut_off, PAIRS, Config(moe_topk=1), journal)
    cut_off.is_away = True
    assert searcher.suggest("a") is None
    store.update_study("s", driver="another")
    cut_off.is_away = False
    study.ask(PAIRS.distributions())  # the other's
    later = time.monotonic() + LIVE_SECONDS
    monkeypatch.setattr("tuning.books.driver.time.monotonic", lambda: later)
    before = study.trials
    assert searcher.suggest("a") is None and searcher.suggest("a") is None
    assert [(each.state, each.user_attrs) for each in study.trials] == [
        (each.state, each.user_attrs) for each in before
    ]
    assert store.trials("s").empty


def test_tpe_knows_of_running_trials_and_repeats_with_its_seed():
    proposals = []
    for _ in range(2):
        study = optuna.create_study(sampler=make_sampler(SamplerSettings(startup_trials=2), seed=3))
        for _ in range(4):
            trial = study.ask(PAIRS.distributions() | {"beta": optuna.distributions.FloatDistribution(0, 1)})
            study.tell(trial, trial.params["beta"])
        proposals.append([trial.params for trial in study.trials])
    assert proposals[0] == proposals[1]
    assert study.sampler._constant_liar and study.sampler._multivariate and study.sampler._group


def test_ray_can_pickle_it(searcher: OptunaSearcher):
    searcher.suggest("a")
    pickled = cloudpickle.dumps(searcher)
    copy = cloudpickle.loads(pickled)
    assert type(copy) is OptunaSearcher and vars(copy) == {}, "the copy has a live engine with it"
    assert b"sqlalchemy" not in pickled
    assert searcher.suggest("b")["number"] > 0, "the one that was copied goes on"
