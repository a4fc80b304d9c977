"""Which study a command line goes on with, and to how many trials."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished_study import SETTINGS, save_study, tiny_plan
from tiny_search import write_tiny

from athwe.errors import AthweError
from tuning.books.driver import Heartbeat
from tuning.errors import SearchError
from tuning.planning.plan import Plan
from tuning.search import parse
from tuning.store import Store, now
from tuning.study.opening import _note_what_changed
from tuning.study.request import find_earlier, given_flags


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
        _note_what_changed(SimpleNamespace(spec=plan.spec(row["study_name"], 1, 0), store=store), 0)  # type: ignore[arg-type]
        trials = (store.study(row["study_name"]) or {})["trials_asked"]
    assert trials == plan.settings.trials
    return trials


def end(url: str) -> None:
    with Store.open(url) as store:
        store.update_study("study", ended_at=now())


EXTEND = ("--study", "study", "--extend", "2")


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "tuning.study.request"]


def test_an_extension_repeated_after_a_crash_adds_its_trials_once(finished: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", "tuning.study.request")
    assert found(finished, *EXTEND)[1].settings.trials == 5
    assert begin(finished, *EXTEND) == 5, "killed before it wrote anything, it has added nothing"
    assert messages(caplog) == []
    assert [begin(finished, *EXTEND), begin(finished, "--resume"), begin(finished, *EXTEND)] == [5] * 3
    (first, _) = messages(caplog)
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


@contextmanager
def at_work(url: str, name: str) -> Iterator[None]:
    """A driver whose heart beats."""
    with Store.open(url) as store:
        assert store.claim_study(name, f"driver of {name}", store.heartbeat(name))
        heartbeat = Heartbeat(store, name, f"driver of {name}")
        heartbeat.begin()
        try:
            yield
        finally:
            heartbeat.end()


def test_a_resume_without_a_name_passes_over_studies_at_work(
    tiny_root: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Heartbeat, "SECONDS", 0.1)
    with Store.open(url) as store:
        for name, beta in (("oldest", "0.2"), ("older", "0.2"), ("newer", "0.2"), ("other", "0.4")):
            plan = tiny_plan(tiny_root, set=[*SETTINGS, f"beta={beta}"])
            save_study(store, plan, tmp_path / "files", study_name=name)
        store.update_study("oldest", ended_at=now())
    flags = ["--resume", *(part for each in (*SETTINGS, "beta=0.2") for part in ("--set", each))]
    assert found(url, *flags)[0]["study_name"] == "newer"
    with ExitStack() as drivers:
        drivers.enter_context(at_work(url, "newer"))
        assert found(url, *flags)[0]["study_name"] == "older"
        assert found(url, "--resume")[0]["study_name"] == "other"
        drivers.enter_context(at_work(url, "older"))
        with pytest.raises(
            SearchError, match=r"every unfinished study .* driver at work \(newer, older\): wait"
        ) as caught:
            found(url, *flags)
        assert "\n" not in str(caught.value)
    assert found(url, *flags)[0]["study_name"] == "newer", "a driver that has let go is no obstacle"


def test_a_study_whose_data_set_is_gone_does_not_keep_an_older_one_from_going_on(
    tiny_root: Path, tmp_path: Path, url: str
):
    gone = write_tiny(tmp_path / "gone")
    with Store.open(url) as store:
        save_study(store, tiny_plan(tiny_root), tmp_path / "files", study_name="older")
        save_study(store, tiny_plan(gone), tmp_path / "files", study_name="newer")
    shutil.rmtree(gone / "tiny")
    assert found(url, "--resume")[0]["study_name"] == "older"
    for flags in (["--study", "newer"], ["--set", "beta=0.3", "--dataset", "tiny"]):
        with pytest.raises(AthweError, match="gone"):
            found(url, "--resume", *flags)


def test_a_disk_budget_is_kept_by_a_resume_and_may_be_changed(finished: str):
    def budget(*flags: str) -> int | None:
        begin(finished, "--resume", "--study", "study", *flags)
        with Store.open(finished) as store:
            return (store.study("study") or {})["spec"]["disk_budget_bytes"]

    assert [budget(), budget("--disk-budget", "20GB"), budget(), budget("--disk-budget", "30 GB"), budget()] == [
        *(None, 20_000_000_000, 20_000_000_000, 30_000_000_000, 30_000_000_000)
    ]
