"""Which study a command line goes on with, and to how many trials."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished_study import save_study, tiny_plan

from tuning.errors import SearchError
from tuning.opening import _note_what_changed
from tuning.plan import Plan
from tuning.request import find_earlier, given_flags
from tuning.search import parse
from tuning.store import Store, now


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture
def finished(tiny_root: Path, tmp_path: Path, url: str) -> str:
    """A finished study of three trials."""
    with Store.open(url) as store:
        save_study(store, tiny_plan(tiny_root, trials=3), tmp_path / "files", ended_at=now())
    return url


def found(url: str, *flags: str) -> tuple[dict[str, Any], Plan]:
    arguments = parse(["--store", url, *flags])
    return find_earlier(arguments, given_flags(arguments, None))


def begin(url: str, *flags: str) -> int:
    """What a driver does with such a command before its first trial; how many trials it goes on to."""
    row, plan = found(url, *flags)
    with Store.open(url) as store:
        _note_what_changed(SimpleNamespace(spec=plan.spec(row["study_name"], 1, 0), store=store))  # type: ignore[arg-type]
        trials = (store.study(row["study_name"]) or {})["trials_asked"]
    assert trials == plan.settings.trials
    return trials


def end(url: str) -> None:
    with Store.open(url) as store:
        store.update_study("study", ended_at=now())


EXTEND = ("--study", "study", "--extend", "2")


def test_an_extension_repeated_after_a_crash_adds_its_trials_once(finished: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", "tuning.request")
    assert found(finished, *EXTEND)[1].settings.trials == 5
    assert begin(finished, *EXTEND) == 5, "killed before it wrote anything, it has added nothing"
    assert not caplog.records
    assert [begin(finished, *EXTEND), begin(finished, "--resume"), begin(finished, *EXTEND)] == [5] * 3
    (first, _) = caplog.messages
    assert first == "--extend 2 was cut off before: going on to the 5 trials asked for, no more are added"
    end(finished)
    assert begin(finished, *EXTEND) == 7


def test_what_else_is_unfinished_is_not_extended_and_the_remedy_is_named(finished: str):
    begin(finished, *EXTEND)
    remedy = "is not finished yet .5 trials asked for.: finish it by --resume, .* --resume --study study --trials 8"
    with pytest.raises(SearchError, match=remedy):
        found(finished, "--study", "study", "--extend", "3")
    assert begin(finished, "--resume", "--study", "study", "--trials", "8") == 8
    with pytest.raises(SearchError, match=r"is not finished yet \(8 trials"):
        found(finished, *EXTEND)


def test_a_resume_of_a_finished_extension_that_is_cut_off_is_not_taken_for_it(finished: str):
    begin(finished, *EXTEND)
    end(finished)
    assert begin(finished, "--resume", "--study", "study", "--retry-failed") == 5
    with pytest.raises(SearchError, match="is not finished yet"):
        found(finished, *EXTEND)
