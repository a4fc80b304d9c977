import re

import pytest
from stored_search import OBJECTIVE, make_spec, rising, search

from tuning.pruning.audit import PrunerAudit, Rung, audit, audit_lines, audit_of, save_pruner_audit
from tuning.pruning.pruner import AuditedASHA, make_scheduler
from tuning.pruning.trained import Epoch, Trained
from tuning.schema import COMPLETE, PRUNED
from tuning.store import Store


def trained(number: int, values: list[float], given_up: int | None = None, state: str = COMPLETE) -> Trained:
    epochs = {epoch: Epoch(value, 1.0, float(epoch)) for epoch, value in enumerate(values, start=1)}
    return Trained(number, {}, state, None, max(values), given_up, epochs)


def test_the_regret_is_what_the_best_audited_trial_has_over_the_best_that_was_kept():
    trials = [trained(0, [0.1, 0.5]), trained(1, [0.2, 0.25]), trained(2, [0.0, 0.75], 1), trained(3, [0.0, 0.625], 1)]
    found = audit(trials, [], maximize=True)
    assert (found.given_up, found.audited, found.audited_better, found.regret) == (2, 2, 2, 0.25)


def test_the_regret_is_never_negative():
    found = audit([trained(0, [0.5]), trained(1, [0.25], 1)], [], maximize=True)
    assert (found.audited, found.audited_better, found.regret) == (1, 0, 0.0)


def test_the_regret_follows_the_direction():
    found = audit([trained(0, [0.5]), trained(1, [0.25], 1)], [], maximize=False)
    assert (found.audited_better, found.regret) == (1, 0.25)


def test_what_was_stopped_says_nothing_of_its_end():
    found = audit([trained(0, [0.5]), trained(1, [0.9], 1, PRUNED)], [1], maximize=True)
    assert (found.given_up, found.audited, found.regret) == (1, 0, None)
    assert found.rungs == (Rung(1, 1, None),)


def test_without_a_trial_that_was_kept_there_is_nothing_to_regret():
    found = audit([trained(0, [0.5], 1)], [], maximize=True)
    assert (found.audited, found.regret) == (1, None)
    assert "nothing to compare" in audit_lines(found, OBJECTIVE)[0]


def test_the_rank_correlation_is_spearmans():
    # Ranks 1 2 3 4 there and 1 2 4 3 at the end: 1 - 6 * (1 + 1) / (4 * (16 - 1))
    ends = [(0.1, 0.5), (0.2, 0.6), (0.3, 0.9), (0.4, 0.8)]
    found = audit([trained(number, [*values]) for number, values in enumerate(ends)], [1], maximize=True)
    assert found.rungs == (Rung(1, 4, pytest.approx(1 - 6 * 2 / (4 * 15))),)


def test_two_trials_are_too_few_for_a_correlation():
    found = audit([trained(0, [0.1, 0.5]), trained(1, [0.2, 0.6])], [1], maximize=True)
    assert found.rungs == (Rung(1, 2, None),)


def test_values_that_are_all_the_same_have_no_correlation():
    trials = [trained(number, [0.1, 0.5 + number]) for number in range(3)]
    assert audit(trials, [1], maximize=True).rungs == (Rung(1, 3, None),)


def test_a_trial_that_ended_before_a_rung_is_not_among_its_trials():
    trials = [trained(0, [0.1, 0.2, 0.3]), trained(1, [0.5])]
    assert [rung.trials for rung in audit(trials, [1, 3], maximize=True).rungs] == [2, 1]


def test_a_rung_takes_the_first_value_from_its_epoch_on():
    trial = trained(0, [0.1, 0.2, 0.3])
    trial.epochs[2] = Epoch(None, 1.0, 2.0)  # not validated
    assert (trial.value_from(2), trial.value_from(4)) == (0.3, None)


def test_the_values_in_the_store_are_those_that_are_known():
    found = PrunerAudit(3, 0, 0, None, (Rung(1, 5, 0.5), Rung(3, 2, None)))
    assert found.values() == {
        ("audited", 0): 0,
        ("audited_better", 0): 0,
        ("trials", 1): 5,
        ("rank_correlation", 1): 0.5,
        ("trials", 3): 2,
    }


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (PrunerAudit(0, 0, 0, None, ()), "gave up no trial"),
        (PrunerAudit(4, 0, 0, None, ()), "gave up 4 trials, none of them finished .*: nothing is known"),
        (PrunerAudit(9, 1, 0, 0.0, ()), r"gave up 9 trials, 1 of them .*: none ended better .*\(regret 0\); so few"),
        (PrunerAudit(9, 3, 0, 0.0, ()), r"\(regret 0\)$"),
        (PrunerAudit(9, 3, 2, 0.25, ()), r"2 of these ended better .* by up to 0.2500 valid/ndcg@10 \(regret\)$"),
    ],
)
def test_the_lines_say_how_little_few_trials_say(found: PrunerAudit, line: str):
    (only,) = audit_lines(found, OBJECTIVE)
    assert re.search(f"^pruner: .*{line}", only), only


def test_each_rung_is_named_with_its_trials():
    found = PrunerAudit(1, 0, 0, None, (Rung(1, 5, 0.5), Rung(3, 1, None), Rung(9, 4, None)))
    assert audit_lines(found, OBJECTIVE)[1].endswith(
        "epoch 1 0.50 (5 trials), epoch 3 too few to say (1 trial), epoch 9 all the same (4 trials)"
    )


@pytest.mark.parametrize(
    ("grace", "factor", "epochs"),
    [(1, 3, [1, 3]), (2, 2, [2, 4, 8]), (1, 2.5, [1, 3, 7]), (9, 3, []), (None, 3, [1, 3])],
)
def test_the_rungs_are_those_of_the_scheduler(grace: int | None, factor: float, epochs: list[int]):
    scheduler = make_scheduler(make_spec(pruner={"grace_epochs": grace, "reduction_factor": factor}))
    assert isinstance(scheduler, AuditedASHA)
    assert scheduler.rung_epochs == epochs


def test_a_stored_study_is_audited_and_the_findings_stored(store: Store):
    spec = make_spec(pruner={"audit_share": 1})
    late = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0]  # given up in its first epoch, and the best in the end
    verdicts = search(store, spec, [rising(0.75), rising(0.5), late])
    assert verdicts == {1: 1, 2: 1}
    found = audit_of(store, spec)
    assert found is not None
    assert (found.given_up, found.audited, found.audited_better, found.regret) == (2, 2, 1, 0.25)
    assert [(rung.epoch, rung.trials) for rung in found.rungs] == [(1, 3), (3, 3)]
    save_pruner_audit(store, spec)
    stored = store.pruner_audit("study").set_index(["name", "epoch"])["value"].to_dict()
    assert stored["regret", 0] == 0.25 and stored["trials", 3] == 3


def test_a_study_without_a_pruner_has_no_audit(store: Store):
    spec = make_spec(pruner={"name": "none"})
    search(store, spec, [rising(0.5)])
    assert audit_of(store, spec) is None
    save_pruner_audit(store, spec)
    assert store.pruner_audit("study").empty
