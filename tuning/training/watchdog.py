"""Ends a worker whose trial hangs, and leaves behind what its threads were doing."""

import faulthandler
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LAST_RESORT_SECONDS = 15.0
"""After the time is over, should this process not even come to writing its stacks (native code that holds the GIL)."""
_EXIT_CODE = 70


def stacks() -> str:
    """Where every thread of this process is."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return file.read()


@contextmanager
def watched(seconds: float | None, leave: Callable[[str], None]) -> Iterator[None]:
    """Within, the process may take `seconds`; then `leave` gets its stacks, and it ends.

    A thread cannot be stopped from outside, so the process goes; Ray takes it for a lost worker and starts the trial in
    a new one, which finds what was left.
    """
    if seconds is None:
        yield
        return

    def end() -> None:
        try:
            leave(stacks())
        finally:
            os._exit(_EXIT_CODE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(seconds + _LAST_RESORT_SECONDS, exit=True)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()
