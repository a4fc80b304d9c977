"""What a terminal and a log file see."""

import io

from rich.console import Console

from athwe.prepare.bars import Bars


def test_a_terminal_sees_a_bar_of_what_is_done_and_nothing_stays():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Bars(console) as bars:
        advance = bars.start("reviews.json.gz", 2_000_000)
        advance(1_500_000)
        bars.stage("filtering and numbering")
        bars.count("thumbnails", 1_000)(400)
    shown = console.file.getvalue()
    assert "400 of 1,000" in shown and shown.rstrip().endswith("\x1b[2K")  # the last line is cleared


def test_a_log_file_sees_a_line_of_each_file():
    console = Console(file=io.StringIO(), width=80)
    with Bars(console) as bars:
        bars.start("reviews.json.gz", 2_000_000)(1_000)
        bars.stage("filtering and numbering")
    assert console.file.getvalue() == "reviews.json.gz: 2.0 MB\nfiltering and numbering\n"


def test_a_path_is_shown_as_it_is():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Bars(console) as bars:
        bars.start("a[/b].json", 1_000)(500)
    assert "a[/b].json" in console.file.getvalue()


def test_where_nobody_can_answer_the_answer_is_no():
    assert not Bars(Console(file=io.StringIO())).confirm("Fetch it?")


def test_a_person_is_asked_and_only_yes_is_yes(monkeypatch):
    with Bars(Console(file=io.StringIO(), force_terminal=True)) as bars:
        for answer, agreed in (("y", True), (" YES ", True), ("", False), ("n", False)):
            monkeypatch.setattr("builtins.input", lambda *prompt, said=answer: said)
            assert bars.confirm("Fetch it?") is agreed
