"""What is shown before a search is certain to start, and after."""

import io
import logging
import time
from contextlib import closing

import pytest
from rich.console import Console

from tuning.quiet import ConsoleLog

WAITS, CURSOR_IS_BACK = "getting ready", "\x1b[?25h"


def test_a_terminal_shows_that_something_is_at_work_until_the_log_opens():
    shown = io.StringIO()
    with closing(ConsoleLog(Console(file=shown, force_terminal=True))) as log:
        logging.getLogger("tuning").info("a line")
        end = time.monotonic() + 30  # it is drawn by a thread of its own
        while WAITS not in shown.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        assert WAITS in shown.getvalue() and "a line" not in shown.getvalue()
        log.open_up()
        after = shown.getvalue().rpartition(CURSOR_IS_BACK)[2]
        assert "a line" in after and WAITS not in after


def test_what_a_program_reads_is_not_drawn_over(capsys: pytest.CaptureFixture[str]):
    shown = io.StringIO()
    with closing(ConsoleLog(Console(file=shown, force_terminal=True))):
        print('{"a": [1]}')
    assert capsys.readouterr().out == '{"a": [1]}\n'


def test_what_never_starts_leaves_the_terminal_as_it_was():
    shown = io.StringIO()
    with closing(ConsoleLog(Console(file=shown, force_terminal=True))):
        logging.getLogger("tuning").info("a line")
    assert CURSOR_IS_BACK in shown.getvalue() and "a line" not in shown.getvalue()


def test_a_file_gets_the_lines_alone():
    shown = io.StringIO()
    with closing(ConsoleLog(Console(file=shown))) as log:
        logging.getLogger("tuning").info("a line")
        log.open_up()
    assert shown.getvalue() == "a line\n"
