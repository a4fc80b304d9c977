"""Ctrl-C and SIGTERM as a request that is met between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def on_interrupt(ask: Callable[[], None]) -> Iterator[None]:
    """Within, the first Ctrl-C or SIGTERM calls `ask`; another one ends at once, as `KeyboardInterrupt`.

    An exception that is raised wherever the program happens to be can get lost there, in native code above all.
    """
    was_asked = False

    def handle(number: int, frame: Any) -> None:
        nonlocal was_asked
        if was_asked:
            raise KeyboardInterrupt
        was_asked = True
        ask()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
