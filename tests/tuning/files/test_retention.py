from dataclasses import dataclass

import pytest

from tuning.files.retention import (
    ancestors,
    models_over_budget,
    most_bytes,
    most_models,
    size_of_text,
    size_text,
    unwanted_models,
)
from tuning.schema import COMPLETE, FAIL, PRUNED, RUNNING


@dataclass
class Trial:
    number: int
    state: str
    best_value: float | None = None
    retry_of: int | None = None
    checkpoint: str | None = None


def by_number(*trials: Trial) -> dict[int, Trial]:
    return {trial.number: trial for trial in trials}


FOUR = by_number(Trial(0, COMPLETE, 0.1), Trial(1, COMPLETE, 0.2), Trial(2, COMPLETE, 0.4), Trial(3, COMPLETE, 0.3))


@pytest.mark.parametrize(
    ("keep", "maximize", "unwanted"),
    [(1, True, {1, 3}), (2, True, {1}), (4, True, set()), (1, False, {1, 2, 3}), (2, False, {2, 3})],
)
def test_the_best_stay_and_trial_0(keep: int, maximize: bool, unwanted: set[int]):
    assert unwanted_models(FOUR, keep, maximize) == unwanted


def test_complete_trials_go_before_pruned_ones_however_good():
    trials = by_number(Trial(0, PRUNED, 0.9), Trial(1, PRUNED, 0.8), Trial(2, COMPLETE, 0.1), Trial(3, PRUNED, 0.7))
    assert unwanted_models(trials, 1, True) == {1, 3}
    assert unwanted_models(trials, 2, True) == {1, 3}  # 0 would stay anyway
    assert unwanted_models(trials, 3, True) == {3}


def test_running_trials_keep_theirs_and_failed_ones_do_not():
    trials = by_number(Trial(0, COMPLETE, 0.5), Trial(1, RUNNING, 0.1), Trial(2, FAIL, 0.9), Trial(3, FAIL))
    assert unwanted_models(trials, 1, True) == {2, 3}


def test_a_trial_that_is_still_to_be_gone_on_with_keeps_its_model_until_it_is():
    cut_off = Trial(1, FAIL, 0.2, checkpoint="/c")
    assert unwanted_models(by_number(Trial(0, COMPLETE, 0.5), cut_off), 1, True) == set()
    goes_on = Trial(2, RUNNING, 0.2, retry_of=1, checkpoint="/c")
    assert unwanted_models(by_number(Trial(0, COMPLETE, 0.5), cut_off, goes_on), 1, True) == {1}


def test_the_configuration_at_hand_is_kept_under_its_new_number():
    trials = by_number(
        Trial(0, FAIL, 0.1),
        Trial(1, COMPLETE, 0.9),
        Trial(2, FAIL, 0.1, retry_of=0),
        Trial(3, COMPLETE, 0.1, retry_of=2),
    )
    assert list(ancestors(trials, 3)) == [2, 0]
    assert unwanted_models(trials, 1, True) == {0, 2}


def test_a_study_takes_at_most_its_models_states_and_results():
    assert most_models(keep=10, at_work=2, trials=100) == 10 + 1 + 2
    assert most_models(keep=10, at_work=2, trials=4) == 4
    assert most_bytes(5, 7, 3, keep=10, at_work=2, trials=100) == 13 * 5 + 2 * 2 * 7 + 100 * 3


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1000, "1.0 kB"), (2_340_000, "2.3 MB"), (7e9, "7.0 GB")])
def test_sizes_are_for_people(count: float, text: str):
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20_000_000_000), ("1.5 GiB", 1_610_612_736), ("500mb", 500_000_000), ("7 kB", 7000), ("12B", 12)],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int):
    assert size_of_text(text) == size


@pytest.mark.parametrize("text", ["20", "GB", "-1GB", "0GB", "0.5B", "1e3MB", "20 GBit", "12iB", "nanGB", ""])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="expected a size such as 20GB, 500MB or 1.5TiB, got"):
        size_of_text(text)


@pytest.mark.parametrize(
    ("excess", "going"), [(0, []), (1, [0]), (10, [0]), (11, [0, 1]), (25, [0, 1, 3]), (99, [0, 1, 3])]
)
def test_the_worst_models_go_first_and_the_best_one_never(excess: int, going: list[int]):
    assert models_over_budget(FOUR, True, dict.fromkeys(FOUR, 10), excess) == going


def test_only_models_that_are_there_and_that_nobody_works_with_go():
    trials = by_number(
        Trial(0, COMPLETE, 0.5), Trial(1, RUNNING, 0.1), Trial(2, FAIL, 0.2, checkpoint="/c"), Trial(3, PRUNED, 0.9)
    )
    assert models_over_budget(trials, True, dict.fromkeys(trials, 10), 99) == [3]
    assert models_over_budget(trials, True, {0: 10, 1: 10}, 99) == []
