import pytest
from stored_search import OBJECTIVE, make_spec, rising, search

from tuning.planning.spec import Spec
from tuning.pruning.trained import Epoch, Trained, reports_of, trained_trials
from tuning.pruning.what_if import Outcome, Setting, agreement, grid, outcome, own_setting, verdicts_under
from tuning.schema import COMPLETE, DIVERGED, FAIL, PRUNED
from tuning.store import Store


def trained(number: int, epochs: int, value: float, state: str = COMPLETE, reason: str | None = None) -> Trained:
    known = {epoch: Epoch(value, 2.0, float(epoch)) for epoch in range(1, epochs + 1)}
    return Trained(number, {}, state, reason, value, None, known)


def replayed(store: Store, spec: Spec, factor: float, grace: int) -> dict[int, int]:
    return verdicts_under(spec, reports_of(trained_trials(store, "study", OBJECTIVE)), Setting(factor, grace))


def test_a_trial_given_up_saves_the_epochs_after_its_verdict_and_loses_what_it_found():
    trials = [trained(0, 9, 0.5), trained(1, 9, 0.75)]
    expected = Outcome(given_up=1, epochs_saved=8, seconds_saved=16.0, unknown=0, epochs_beyond=0, lost=0.25)
    assert outcome(trials, {1: 1}, epochs=9, maximize=True) == expected
    assert outcome(trials, {1: 1}, epochs=9, maximize=False).lost == 0.0


def test_what_the_study_stopped_and_this_would_not_is_unknown():
    trials = [trained(0, 9, 0.5), trained(1, 3, 0.4, PRUNED)]
    found = outcome(trials, {}, epochs=9, maximize=True)
    assert (found.unknown, found.epochs_beyond, found.epochs_saved, found.lost) == (1, 6, 0, 0.0)
    assert outcome(trials, {1: 3}, epochs=9, maximize=True).unknown == 0


def test_the_fate_of_a_trial_that_failed_by_itself_is_known():
    trials = [trained(0, 9, 0.5), trained(1, 2, 0.4, FAIL, DIVERGED)]
    assert outcome(trials, {}, epochs=9, maximize=True).unknown == 0


def test_the_value_of_a_trial_that_was_stopped_is_not_a_loss():
    trials = [trained(0, 9, 0.5), trained(1, 3, 0.9, PRUNED)]
    assert outcome(trials, {1: 1}, epochs=9, maximize=True).lost == 0.0


def test_without_a_complete_trial_left_the_loss_is_unknown():
    assert outcome([trained(0, 9, 0.5)], {0: 1}, epochs=9, maximize=True).lost is None


def test_the_studys_own_setting_gives_the_verdicts_that_are_stored(store: Store):
    spec = make_spec(pruner={"audit_share": 0.3})
    curves = [rising(value / 100) for value in (50, 90, 20, 91, 30, 92, 93, 10, 5, 94, 40, 95)]
    verdicts = search(store, spec, curves)
    trials = trained_trials(store, "study", OBJECTIVE)
    assert len(verdicts) >= 4
    assert verdicts_under(spec, reports_of(trials), own_setting(spec)) == verdicts
    assert agreement(trials, verdicts) == (12, 12)
    assert agreement(trials, verdicts | {0: 3}) == (11, 12)


def test_an_older_store_agrees_too(store: Store):
    spec = make_spec()
    curves = [rising(value) for value in (0.5, 0.9, 0.2, 0.95, 0.3)]
    verdicts = search(store, spec, curves, is_old=True)
    assert verdicts and replayed(store, spec, 3, 1) == verdicts


def test_a_later_first_rung_judges_later(store: Store):
    spec = make_spec(pruner={"name": "none"})
    # The last trial is behind in epoch 1 and ahead from epoch 2 on.
    search(store, spec, [rising(0.5), rising(0.4), [0.0, *rising(0.9)[1:]]])
    assert replayed(store, spec, 3, 1) == {1: 1, 2: 1}
    assert replayed(store, spec, 3, 2) == {1: 2}


def test_a_greater_reduction_factor_gives_up_more(store: Store):
    spec = make_spec(pruner={"name": "none"})
    search(store, spec, [rising(value) for value in (0.1, 0.2, 0.3, 0.4, 0.36)])
    # Against 0.1 to 0.4: the median is 0.25, the 90 % quantile 0.37.
    assert replayed(store, spec, 2, 1) == {}
    assert replayed(store, spec, 10, 1) == {4: 1}


def test_a_trial_that_stops_by_itself_on_a_rung_is_not_given_up(store: Store):
    spec = make_spec(pruner={"name": "none"})
    search(store, spec, [rising(0.5), rising(0.1, epochs=3)[:1]])
    assert replayed(store, spec, 3, 1) == {}


@pytest.mark.parametrize(
    ("factors", "graces", "expected"),
    [
        ([], [], [(2, 1), (2, 2), (2, 4), (3, 1), (3, 2), (3, 4), (4, 1), (4, 2), (4, 4)]),
        ([5], [], [(5, 1), (5, 2), (5, 4)]),
        ([3, 2, 3], [1], [(2, 1), (3, 1)]),
    ],
)
def test_the_grid_is_around_the_studys_own(factors: list[float], graces: list[int], expected: list[tuple]):
    found = grid(Setting(3, 2), 9, factors, graces)
    assert [(setting.reduction_factor, setting.grace_epochs) for setting in found] == expected


def test_the_grid_keeps_to_what_a_pruner_can_be_set_to():
    assert {setting.reduction_factor for setting in grid(Setting(1.5, 1), 9)} == {1.5, 2.5}
    assert {setting.grace_epochs for setting in grid(Setting(3, 6), 9)} == {3, 6, 9}
