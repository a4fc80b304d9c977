from datetime import datetime

import pytest

from tuning.books.record import TrialRecord
from tuning.driving.time_left import EpochPace, seconds_left, time_text
from tuning.schema import COMPLETE, RUNNING

PACE = {"epochs": 10, "epoch_seconds": 2.0}


def record(epoch: int, state: str = RUNNING) -> TrialRecord:
    return TrialRecord(0, {}, state, epoch=epoch, started_at=datetime(2026, 1, 1))


def test_before_any_trial_has_ended_each_takes_all_epochs():
    assert seconds_left([4], 1, [], **PACE, concurrency=1) == (6 + 10) * 2


def test_trials_at_once_share_the_epochs():
    assert seconds_left([4, 4], 2, [], **PACE, concurrency=2) == (6 + 6 + 10 + 10) / 2 * 2


def test_nobody_is_done_before_the_trial_that_takes_longest():
    assert seconds_left([9], 1, [], **PACE, concurrency=2) == 10 * 2


def test_one_trial_cannot_use_the_place_of_another():
    assert seconds_left([5], 0, [], **PACE, concurrency=4) == 5 * 2


def test_trials_take_what_those_that_ended_took():
    assert seconds_left([], 3, [1, 3], **PACE, concurrency=1) == 3 * 2 * 2


def test_a_trial_that_came_further_than_most_goes_on_like_those_that_did_too():
    assert seconds_left([3], 0, [1, 1, 9], **PACE, concurrency=1) == 6 * 2
    assert seconds_left([3], 0, [1, 1], **PACE, concurrency=1) == 7 * 2


def test_nothing_is_left_of_a_search_that_is_over():
    assert seconds_left([], 0, [1], **PACE, concurrency=2) == 0


def test_the_pace_is_the_mean_time_between_epochs():
    pace = EpochPace()
    for epoch, at in [(0, 0.0), (0, 1.0), (1, 4.0), (1, 5.0), (2, 6.0)]:
        pace.see([record(epoch)], at)
    assert pace.seconds == pytest.approx((4 + 2) / 2)


def test_there_is_no_pace_before_the_first_epoch():
    pace = EpochPace()
    pace.see([record(0)], 0.0)
    pace.see([record(0)], 60.0)
    assert pace.seconds is None


def test_a_trial_that_goes_on_with_another_trains_one_epoch_at_a_time():
    pace = EpochPace()
    pace.see([record(0)], 0.0)
    pace.see([record(21)], 3.0)
    assert pace.seconds == 3.0


def test_the_last_epoch_counts_and_what_ended_before_does_not():
    pace = EpochPace()
    pace.see([record(8, COMPLETE)], 0.0)
    assert pace.seconds is None
    pace.see([record(0)], 0.0)
    pace.see([record(1, COMPLETE)], 5.0)
    pace.see([record(1, COMPLETE)], 50.0)
    assert pace.seconds == 5.0


def test_a_trial_that_waits_for_a_worker_does_not_count():
    pace = EpochPace()
    waiting = record(0)
    waiting.started_at = None
    pace.see([waiting], 0.0)
    pace.see([record(0)], 100.0)
    pace.see([record(1)], 103.0)
    assert pace.seconds == 3.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "10 s"), (44, "40 s"), (89, "90 s"), (720, "12 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_a_time_is_as_coarse_as_an_estimate(seconds: float, text: str):
    assert time_text(seconds) == text
