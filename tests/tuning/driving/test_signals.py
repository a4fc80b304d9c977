"""Ctrl-C is heard wherever the program is."""

import os
import signal

import pytest

from tuning.driving.signals import on_interrupt


def test_the_first_one_asks_and_the_second_one_ends():
    asked: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), on_interrupt(lambda: asked.append("stop")):
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == ["stop"]
        os.kill(os.getpid(), signal.SIGINT)
    assert asked == ["stop"] and signal.getsignal(signal.SIGINT) is before
