import errno

import pytest
import torch
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from athwe.errors import ConfigError, DivergedError
from tuning.schema import COMPLETE, DIVERGED, EXCEPTION, FAIL, OUT_OF_MEMORY, PRUNED, STORAGE_FULL, WORKER_LOST
from tuning.training.endings import Ending, ending_of, failure_of


@pytest.mark.parametrize(
    ("last", "stopped", "state"),
    [
        ({"epoch": 4, "finished": True}, False, COMPLETE),
        ({"epoch": 4, "finished": True}, True, COMPLETE),  # ASHA stops at its last epoch too
        ({"epoch": 2, "finished": True}, False, COMPLETE),  # its own early stopping
        ({"epoch": 2, "finished": False}, True, PRUNED),
    ],
)
def test_a_trial_is_pruned_only_if_it_would_have_gone_on(last: dict, stopped: bool, state: str):
    assert ending_of(last, 0.3, stopped) == Ending(state)


def test_a_reported_failure_is_one_whatever_came_before():
    last = {"failure": {"reason": DIVERGED, "error": "nan"}}
    assert ending_of(last, 0.3, False) == Ending(FAIL, DIVERGED, "nan")


def test_a_trial_that_never_reported_the_objective_failed():
    assert ending_of({}, None, False).reason == EXCEPTION


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DivergedError(3, "item_contrast", float("nan")), DIVERGED),
        (MemoryError(), OUT_OF_MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory"), OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), OUT_OF_MEMORY),
        (OutOfMemoryError("killed"), OUT_OF_MEMORY),
        (ActorDiedError(), WORKER_LOST),
        (OSError(errno.ENOSPC, "No space left on device"), STORAGE_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), STORAGE_FULL),
        (RayTaskError("save", "trace", OSError(errno.ENOSPC, "No space left on device")), STORAGE_FULL),
        (OSError(errno.EACCES, "Permission denied"), EXCEPTION),
        (ConfigError("no"), EXCEPTION),
        (ValueError("no"), EXCEPTION),
    ],
)
def test_errors_are_told_apart(error: Exception, reason: str):
    ending = failure_of(error)
    assert (ending.state, ending.reason) == (FAIL, reason)
    assert ending.error


def test_the_cause_inside_ray_s_wrapper_counts():
    wrapped = RayTaskError("train", "trace", DivergedError(1, "total", float("inf")))
    assert failure_of(wrapped).reason == DIVERGED


def test_the_trace_is_kept_for_what_nobody_foresaw_only():
    assert failure_of(ValueError("no"), "trace").error == "trace"
    assert failure_of(ConfigError("no"), "trace").error == "no"
