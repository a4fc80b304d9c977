"""The command line of the studies, on stores that hold them."""

import csv
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from older_store import make_version_1
from stored_search import create, make_spec, rising, search

from athwe.config_files import load_config
from tuning.files.storage import Storage
from tuning.findings.export import best_config
from tuning.store import Store, now
from tuning.studies import activity, main

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 1, 1, 12)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with a study of three trials, one of them given up, and files of it."""
    url = f"sqlite:///{tmp_path}/studies.db"
    with Store.open(url) as store:
        search(store, make_spec(), [rising(0.5), rising(0.9), rising(0.2)])
        store.update_study("study", ended_at=now(), storage_path=str(tmp_path / "files"))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.create_study(storage=url, study_name="study").enqueue_trial({})
    (tmp_path / "files" / "models").mkdir(parents=True)
    (tmp_path / "files" / "models" / "study.0").write_text("model")
    (tmp_path / "files" / "notes").write_text("mine")
    return url


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]


def test_the_list_has_a_line_a_study(url: str, capsys: pytest.CaptureFixture[str]):
    with Store.open(url) as store:
        create(store, make_spec("live"), heartbeat_at=now())
        look = {"study_name": "study", "evaluated_by": "x", "seed": 1, "mask_seen": False, "metrics_json": "{}"}
        for _ in range(2):
            store.save_test_evaluation(look)
    assert main(["list", "--store", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    header = cells(lines[1])
    assert header == [
        *("study", "data set", "state", "complete", "pruned", "fail", "running"),
        *("best", "looks at test", "started (UTC)", "time"),
    ]
    live, ended = (dict(zip(header, cells(line), strict=True)) for line in lines if line.startswith("│"))
    assert (live["study"], live["state"], live["best"]) == ("live", "running", "–")
    assert (ended["study"], ended["data set"], ended["state"]) == ("study", "tiny", "ended")
    assert (ended["complete"], ended["pruned"], ended["fail"], ended["looks at test"]) == ("2", "1", "–", "2")
    assert ended["best"] == "ndcg@10 0.9000"


@pytest.mark.parametrize(
    ("heartbeat_age", "has_ended", "state"),
    [
        (29, False, "running"),
        (31, False, "cut off"),
        (None, False, "cut off"),
        (None, True, "ended"),
        (5, True, "running"),
    ],
)
def test_a_study_is_at_work_while_its_heart_beats(heartbeat_age: int | None, has_ended: bool, state: str):
    beat = None if heartbeat_age is None else AT - timedelta(seconds=heartbeat_age)
    assert activity({"driver": None, "heartbeat_at": beat, "ended_at": AT if has_ended else None}, AT) == state


def test_an_empty_store_has_no_study_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    url = f"sqlite:///{tmp_path}/empty.db"
    Store.open(url).close()
    assert main(["list", "--store", url]) == 0
    assert capsys.readouterr().out == "no study yet: python tuning/search.py makes one\n"


def test_a_store_of_an_older_version_is_taken_forward(url: str, capsys: pytest.CaptureFixture[str]):
    with Store.open(url) as store:
        make_version_1(store)
    assert main(["list", "--store", url]) == 0
    assert "study" in capsys.readouterr().out
    Store.open(url, read_only=True).close()


def test_the_export_goes_to_standard_output_or_to_a_file(url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert main(["export", "--study", "study", "--store", url]) == 0
    out = capfd.readouterr().out
    assert main(["export", "--study", "study", "--store", url, "--output", str(tmp_path / "trials.csv")]) == 0
    assert (tmp_path / "trials.csv").read_bytes().decode() == out
    assert [row["state"] for row in csv.DictReader(out.splitlines())] == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert capfd.readouterr().out == f"3 trials in {tmp_path}/trials.csv\n"


def test_an_export_is_utf_8_whatever_the_terminal_can_show(url: str):
    with Store.open(url) as store:
        store.save_trial({"trial_id": "study.2", "reason": "Größe"})
    command = [sys.executable, "tuning/studies.py", "export", "--study", "study", "--store", url]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert "Größe" in done.stdout.decode("utf-8")


def test_the_best_configuration_goes_into_a_file_that_search_and_training_read(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    best = tmp_path / "new" / "best.yaml"
    assert main(["export", "--study", "study", "--store", url, "--best", str(best)]) == 0
    assert capfd.readouterr().out == f"the configuration of trial 1 is in {best}: give it as --config {best}\n"
    with Store.open(url) as store:
        assert load_config("tiny", files=[best]) == best_config(make_spec(), store)[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "the following arguments are required: list | export | delete"),
        (["show"], "invalid choice: 'show'"),
        (["export"], "the following arguments are required: --study"),
        (["export", "--study", "other"], "no study 'other' in this store"),
        (["delete", "--study", "other", "--yes"], "no study 'other' in this store"),
        (["delete", "--study", "study"], "there is no terminal to ask on: add --yes"),
        (["export", "--study", "study", "--output", "/proc/none/a.csv"], "cannot write /proc/none/a.csv"),
    ],
)
def test_an_error_is_one_line(url: str, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main([*flags, "--store", url] if flags else flags) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("error: ") and message in err


@pytest.mark.parametrize("command", [["list"], ["export", "--study", "s"], ["delete", "--study", "s", "--yes"]])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]):
    assert main([*command, "--store", f"sqlite:///{tmp_path}/none.db"]) == 2
    assert "there is no store at" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_study_is_deleted_with_its_files_and_says_what_went(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["delete", "--study", "study", "--store", url, "--yes", "--files"]) == 0
    said = capsys.readouterr().out
    assert "deleting study removes these rows: " in said and "trial 3" in said and "metric 57" in said
    assert f"and 1 trial from Optuna's tables; and 1 file (0.0 MB) in {tmp_path}/files" in said
    assert said.endswith("study is deleted\n")
    with Store.open(url) as store:
        assert store.studies().empty
    assert optuna.get_all_study_names(url) == []
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["notes"]


def test_a_study_in_a_bucket_is_deleted_with_its_files(
    url: str, tmp_path: Path, s3_bucket: str, capsys: pytest.CaptureFixture[str]
):
    storage = Storage.at(s3_bucket.format(f"{tmp_path.name}/files"))
    storage.write_text("diagnostics/study.0.json", "{}")
    storage.write_text("notes", "mine")
    with Store.open(url) as store:
        store.update_study("study", storage_path=storage.url)
    assert main(["delete", "--study", "study", "--store", url, "--yes", "--files"]) == 0
    assert f"; and 1 file (0.0 MB) in {storage.url}" in capsys.readouterr().out
    assert storage.names() == ["notes"]
    with Store.open(url) as store:
        assert store.studies().empty


def test_files_stay_unless_they_are_asked_for(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["delete", "--study", "study", "--store", url, "--yes"]) == 0
    assert "its files stay" in capsys.readouterr().out
    assert (tmp_path / "files" / "models" / "study.0").exists()


def test_the_ledger_of_looks_at_test_is_kept_unless_it_is_given_up(url: str, capsys: pytest.CaptureFixture[str]):
    with Store.open(url) as store:
        look = {"study_name": "study", "evaluated_by": "x", "seed": 1, "mask_seen": False}
        store.save_test_evaluation(look | {"metrics_json": json.dumps({})})
    assert main(["delete", "--study", "study", "--store", url, "--yes"]) == 2
    assert "has had 1 look at test, whose ledger goes with it: add --ledger" in capsys.readouterr().err
    with Store.open(url) as store:
        assert len(store.test_evaluations("study")) == 1 and len(store.trials("study")) == 3
    assert main(["delete", "--study", "study", "--store", url, "--yes", "--ledger"]) == 0
    assert "test_evaluation 1" in capsys.readouterr().out


def test_a_study_at_work_is_not_deleted(url: str, capsys: pytest.CaptureFixture[str]):
    with Store.open(url) as store:
        store.update_study("study", heartbeat_at=now(), ended_at=None)
    assert main(["delete", "--study", "study", "--store", url, "--yes"]) == 2
    captured = capsys.readouterr()
    assert "study 'study' has a driver at work" in captured.err and captured.out == ""
    with Store.open(url) as store:
        assert len(store.trials("study")) == 3


def test_a_study_at_work_on_a_machine_whose_clock_is_behind_is_not_deleted(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with Store.open(url) as store:
        behind = now() - timedelta(minutes=2)
        store.update_study("study", driver="other/boot/pid:[1] 1 abc", heartbeat_at=behind, ended_at=None)
        beats = (store.update_study("study", heartbeat_at=behind + timedelta(seconds=5)) for _ in range(1))
        monkeypatch.setattr("tuning.books.driver.time.sleep", lambda _: next(beats))
        assert main(["delete", "--study", "study", "--store", url, "--yes"]) == 2
        assert "study 'study' has a driver at work" in capsys.readouterr().err
        assert len(store.trials("study")) == 3


@pytest.mark.parametrize(("answer", "code", "is_left"), [("y", 0, False), ("n", 1, True), ("", 1, True)])
def test_on_a_terminal_it_is_asked_for(
    url: str, answer: str, code: int, is_left: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["delete", "--study", "study", "--store", url]) == code
    assert capsys.readouterr().out.endswith("nothing was deleted\n" if is_left else "study is deleted\n")
    with Store.open(url) as store:
        assert (store.study("study") is not None) == is_left


def test_the_list_needs_neither_ray_nor_torch(url: str):
    script = (
        "import sys; from tuning.studies import main; main(sys.argv[1:]);"
        "sys.exit(bool({'ray', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script, "list", "--store", url], cwd=ROOT, capture_output=True)
    assert done.returncode == 0
