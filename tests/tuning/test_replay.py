"""The command line of the replay, on stores that hold a search."""

import json
from pathlib import Path

import pytest
from refusals import require_one_line
from stored_search import create, make_spec, rising, search

from tuning.replay import main
from tuning.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with a study of five trials, three of which its pruner gave up."""
    url = f"sqlite:///{tmp_path}/replay.db"
    with Store.open(url) as store:
        search(store, make_spec(), [rising(0.5), rising(0.9), rising(0.2), rising(0.3), rising(0.95)])
        search(store, make_spec("free", {"name": "none"}), [rising(0.5), rising(0.9), rising(0.2)])
        create(store, make_spec("empty"))
    return url


def test_the_first_line_says_whether_the_replay_can_be_trusted(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["--study", "study", "--store", url]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == ("replaying study (asha, factor 3, first rung in epoch 1): the stored verdict for 5/5 trials")


def test_the_table_says_what_was_saved_and_lost(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["--study", "free", "--store", url, "--reduction-factor", "3", "--grace-epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("free had no pruner: what becomes of its 3 trials is known")
    row = next(line for line in out.splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "asha, factor 3",
        "1",
        "1",
        "8 (30%)",
        "16 (30%)",
        "–",
        "0.0000",
    ]


def test_json_is_one_line_with_every_setting(url: str, capsys: pytest.CaptureFixture[str]):
    flags = ["--study", "study", "--store", url, "--reduction-factor", "3", "1.1", "--grace-epochs", "1", "--json"]
    assert main(flags) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    found = json.loads(out)
    assert found["agreement"] == {"same": 5, "of": 5}
    assert (found["trials"], found["epochs"]) == (5, 9 * 3 + 2)
    lenient, own = found["settings"]
    assert (lenient["reduction_factor"], own["reduction_factor"]) == (1.1, 3.0)
    assert (own["given_up"], own["epochs_saved"], own["unknown"], own["lost"]) == (2, 0, 0, 0.0)
    # One in 1.1 goes on: the first of the two is below the lowest tenth, the second above it.
    assert (lenient["given_up"], lenient["unknown"], lenient["epochs_beyond"]) == (1, 1, 8)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--study", "other"], "no study 'other' in this store: `python tuning/studies.py list` shows"),
        (["--study", "empty"], "study 'empty' has no epoch yet to replay"),
        (["--study", "study", "--grace-epochs", "10"], "--grace-epochs takes up to 9, the epochs of a trial, got 10"),
        (["--study", "study", "--reduction-factor", "1"], "expected a number above 1, got '1'"),
        (["--study", "study", "--reduction-factor", "nan"], "expected a number above 1, got 'nan'"),
        (["--study", "study", "--pruner", "asha", "--alpha", ".1"], "--alpha is of racing, which --pruner leaves out"),
        (
            ["--study", "study", "--pruner", "racing"],
            "study 'study' has not every epoch's ranks of users: racing cannot",
        ),
        (["--study", "study", "--alpha", "1"], "expected a number above 0 and below 1, got '1'"),
        ([], "the following arguments are required: --study"),
    ],
)
def test_an_error_is_one_line(url: str, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main([*flags, "--store", url]) == 2
    require_one_line(capsys, message)


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--study", "s", "--store", f"sqlite:///{tmp_path}/none.db"]) == 2
    assert "there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_orders_say_what_is_luck(url: str, capsys: pytest.CaptureFixture[str]):
    flags = ["--study", "free", "--store", url, "--reduction-factor", "3", "--grace-epochs", "1", "--orders", "8"]
    assert main([*flags, "--json"]) == 0
    (setting,) = json.loads(capsys.readouterr().out)["settings"]
    # Trial 0 is the first in every order: then the better one goes on and the worst is given up, whoever comes first.
    assert [one["given_up"] for one in setting["orders"]] == [1] * 8
    assert main(flags) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in row.strip("│").split("│")][2] == "19.0 (19 to 19)"
