import errno

import pytest

from tuning.driving.run import StopRequest, ends_when_full
from tuning.files.storage import Storage


def test_no_room_for_a_file_of_rays_own_asks_for_an_end_that_says_what_to_do():
    stop = StopRequest(None)
    with ends_when_full(stop, Storage("/here")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert stop.stop_all() and stop.is_unfinished
    assert stop.why == "the storage path /here is full: make room, then resume"


def test_another_error_is_not_taken_for_it():
    stop = StopRequest(None)
    with pytest.raises(PermissionError), ends_when_full(stop, Storage("/here")):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert stop.why is None and not stop.is_unfinished


def test_a_time_budget_that_is_used_up_leaves_nothing_to_resume():
    stop = StopRequest(-1.0)
    assert stop.stop_all() and not stop.is_unfinished
