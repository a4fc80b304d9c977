"""Samplers learn from every ending."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from tuning.planning.spec import SamplerSettings
from tuning.proposing.sampler import make_sampler
from tuning.proposing.search_study import SearchStudy
from tuning.schema import DIVERGED, OUT_OF_MEMORY, WORKER_LOST

SPACE = {"x": FloatDistribution(0, 1)}


def search_study(directions: list[str], sampler: str = "tpe") -> SearchStudy:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="s", directions=directions)
    study = SearchStudy("s", storage)
    study.sampler = make_sampler(SamplerSettings(name=sampler, startup_trials=5, population=4), seed=0)
    return study


def end(study: SearchStudy, state: TrialState, values: list[float] | None = None, reason: str | None = None) -> float:
    trial = study.ask(SPACE)
    if state == TrialState.PRUNED:
        study._storage.set_trial_intermediate_value(trial._trial_id, 1, values[0])
    if reason:
        trial.set_user_attr("reason", reason)
    study._storage.set_trial_state_values(trial._trial_id, state, values)
    return trial.params["x"]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
@pytest.mark.parametrize("directions", [["maximize"], ["maximize", "minimize"]])
def test_every_sampler_proposes_after_every_ending(sampler: str, directions: list[str]):
    study = search_study(directions, sampler)
    values = [0.5, 9.0][: len(directions)]
    for _ in range(6):
        end(study, TrialState.COMPLETE, values)
        end(study, TrialState.PRUNED, values)
        end(study, TrialState.FAIL, reason=OUT_OF_MEMORY)
    assert 0 <= study.ask(SPACE).params["x"] <= 1


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_configuration_at_hand_out_of_range_may_fail_too(sampler: str):
    study = search_study(["maximize"], sampler)
    study.enqueue_trial({"x": 3.0})
    with pytest.warns(UserWarning, match="out of range"):
        assert end(study, TrialState.FAIL, reason=OUT_OF_MEMORY) == 3.0
    for _ in range(6):
        end(study, TrialState.COMPLETE, [0.5])
    assert 0 <= study.ask(SPACE).params["x"] <= 1


def failures_at_the_edge_of_memory(kind: type[optuna.Study], seed: int) -> int:
    """The best values lie right where nothing runs any more."""
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="s", directions=["maximize"])
    study = kind("s", storage)
    study.sampler = make_sampler(SamplerSettings(startup_trials=10), seed)
    space = SPACE | {"y": FloatDistribution(0, 1)}
    for _ in range(50):
        trial = study.ask(space)
        fits = trial.params["x"] < 0.5
        if not fits:
            trial.set_user_attr("reason", OUT_OF_MEMORY)
        state = TrialState.COMPLETE if fits else TrialState.FAIL
        storage.set_trial_state_values(trial._trial_id, state, [trial.params["x"]] if fits else None)
    return sum(trial.state == TrialState.FAIL for trial in study.trials[10:])


def test_what_runs_out_of_memory_is_proposed_less_often_than_by_optuna_alone():
    for seed in range(2):
        assert failures_at_the_edge_of_memory(SearchStudy, seed) < 0.7 * failures_at_the_edge_of_memory(
            optuna.Study, seed
        )


def test_only_failures_that_the_parameters_cause_are_learned():
    study = search_study(["maximize"])
    end(study, TrialState.FAIL, reason=WORKER_LOST)
    end(study, TrialState.FAIL, reason=DIVERGED)
    seen = study._get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert [trial.number for trial in seen] == [1]
    assert seen[0].constraints == {"runs": 1.0}
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2, "the tables say what happened"
