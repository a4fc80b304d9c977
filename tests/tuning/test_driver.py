"""A driver is only taken for dead where that is certain."""

import os
import subprocess
import sys

from tuning.driver import DRIVER, is_surely_dead


def named(process: int) -> str:
    namespace, _, secret = DRIVER.split(" ")
    return f"{namespace} {process} {secret}"


def test_a_process_that_ended_here_is_dead_and_this_one_is_not():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_surely_dead(named(ended.pid))
    assert not is_surely_dead(DRIVER) and not is_surely_dead(named(os.getppid()))


def test_of_another_machine_or_nobody_nothing_is_known():
    assert not is_surely_dead(None)
    assert not is_surely_dead("other/boot/pid:[1] 999999 abc")
    assert not is_surely_dead("nonsense")
