"""How a trial ended: a pure decision, and the types of error behind a failure."""

from dataclasses import dataclass
from typing import Any

import torch
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from athwe.errors import AthweError, DivergedError
from tuning.files.storage import is_full
from tuning.schema import (
    COMPLETE,
    DIVERGED,
    EXCEPTION,
    FAIL,
    OUT_OF_MEMORY,
    OVER_LIMIT,
    PRUNED,
    STORAGE_FULL,
    WORKER_LOST,
)


@dataclass(frozen=True)
class Ending:
    """A trial's last state."""

    state: str
    """COMPLETE, PRUNED or FAIL."""
    reason: str | None = None
    """One of `schema.REASONS` where the state is FAIL, or `over-limit` where it is PRUNED for that."""
    error: str | None = None
    """What went wrong, for the user."""


def ending_of(
    last_result: dict[str, Any], best_value: float | None, scheduler_stopped: bool, over_limit: str | None = None
) -> Ending:
    """Decide how a trial ended that raised nothing.

    Args:
        last_result: what the trial reported last (`trial.py`); it may be a failure, and says in `finished` whether the
            training had come to its own end.
        best_value: objective of its best epoch, None where no epoch was validated.
        scheduler_stopped: whether the scheduler stopped it. It does so too at the last epoch it knows of, which is
            the trial's own end.
        over_limit: the limit that it broke, in words: it needs too much, and was stopped for that or should have been,
            or it came to its end and brings too little.
    """
    failure = last_result.get("failure")
    if failure:
        return Ending(FAIL, failure["reason"], failure["error"])
    if best_value is None:
        return Ending(FAIL, EXCEPTION, "the trial ended before it reported the objective once")
    if over_limit:
        return Ending(PRUNED, OVER_LIMIT, over_limit)
    if scheduler_stopped and not last_result.get("finished"):
        return Ending(PRUNED)
    return Ending(COMPLETE)


def failure_of(error: BaseException, trace: str = "") -> Ending:
    """Classify an exception, of the trial's own or of Ray's; `trace` is kept for errors that nobody foresaw."""
    cause = error.cause if isinstance(error, RayTaskError) and error.cause else error
    message = " ".join(str(cause).split()) or type(cause).__name__
    if isinstance(cause, DivergedError):
        return Ending(FAIL, DIVERGED, message)
    if _is_out_of_memory(cause):
        return Ending(FAIL, OUT_OF_MEMORY, message)
    if is_full(cause):
        return Ending(FAIL, STORAGE_FULL, message)
    if isinstance(cause, RayActorError) or (isinstance(cause, RayError) and not isinstance(cause, RayTaskError)):
        return Ending(FAIL, WORKER_LOST, message)
    if isinstance(cause, AthweError):
        return Ending(FAIL, EXCEPTION, message)
    return Ending(FAIL, EXCEPTION, trace or f"{type(cause).__name__}: {message}")


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemoryError):
        return True
    # PyTorch's CPU allocator raises a plain RuntimeError; Ray says why it killed an actor in the message only.
    text = str(error)
    return (isinstance(error, RuntimeError) and "can't allocate memory" in text) or (
        isinstance(error, RayActorError) and "running low on memory" in text
    )
