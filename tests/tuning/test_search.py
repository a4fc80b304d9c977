"""The command line, as far as it comes without starting Ray."""

from pathlib import Path

import pytest
from refusals import require_one_line
from tiny_search import write_tiny

from tuning.search import main, parse
from tuning.store import Store

SPACE = "space: {beta: {type: float, low: 0, high: 1}}\n"


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def test_what_is_not_given_is_none():
    arguments = parse([])
    assert {arguments.dataset, arguments.trials, arguments.epochs, arguments.sampler, arguments.seed} == {None}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--trials", "0"], "expected a whole number above 0, got '0'"),
        (["--gpus-per-trial", "1.5"], "expected a whole number, a share below 1, or auto"),
        (["--cpus-per-trial", "some"], "expected a whole number above 0, or auto, got 'some'"),
        (["--cpus-per-trial", "auto", "--concurrency", "10000"], "more than fits"),
        (["--disk-budget", "20"], "expected a size such as 20GB, 500MB or 1.5TiB, got '20'"),
        (["--disk-budget", "1kB"], "the disk budget is 1.0 kB, a trial needs"),
        (["--sampler", "grid"], "invalid choice: 'grid'"),
        (["--dataset", "nowhere"], "no data set 'nowhere'"),
        (["--set", "leaning_rate=1"], "did you mean 'learning_rate'"),
        (["--model", "sasrec"], "unknown model 'sasrec' (in --set model=sasrec); did you mean 'SASRec'?"),
        (["--model", "UniSRec", "--set", "modalities=[item]"], "UniSRec needs text features"),
        (["--model", "Popularity", "--trials", "2"], "nothing is searched of Popularity on tiny, and 2 trials"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["--search-space", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["--set", "device=cuda", "--gpus-per-trial", "0"], "needs a GPU in every trial"),
        (["--set", "n_clusters=100"], "n_clusters 100 is above the 40 items with features"),
        (["--store", "sqlite:///:memory:"], "expected a file"),
        (["--gpus-per-trial", "64"], "asks for GPUs, there are"),
        (["--cpus-per-trial", "10000"], "is above the"),
        (["--concurrency", "10000"], "more than fits"),
        (["--store", "nonsense"], "cannot open the store"),
        (["--store", "postgresql+psycopg://nobody@127.0.0.1:1/none"], "cannot open the store"),
        (["--store", "postgresql+psycopg://user:secret@127.0.0.1:x/db"], "store postgresql+psycopg://…: what stands"),
        (["--store", "postgresql+psycopg://user:secret"], "in the place of the port is not a number"),
        (
            ["--resume", "--store", "postgresql+psycopg://user:se@cret@127.0.0.1/db"],
            "more than one @: in a user's name",
        ),
        (["--store", "user:secret@127.0.0.1/db"], "cannot open the store …: "),
        (["--address", "127.0.0.1:1"], "no Ray cluster answers"),
        (["--address", "http://127.0.0.1:8265"], "ray job submit"),
        (["--study", "a b"], "--study takes"),
        (["--storage-path", "/proc/nowhere"], "cannot write to /proc/nowhere"),
        (["--study", "s", "--extend", "2", "--trials", "9"], "--extend adds to the trials there are, --trials says"),
        (["--resume"], "there is no store"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    tiny_root: Path, store_url: str, capsys: pytest.CaptureFixture, flags: list[str], message: str
):
    defaults = ["--dataset", "tiny", "--dataset-root", str(tiny_root), "--store", store_url, "--set", "n_clusters=4"]
    assert main([*defaults, *flags]) == 2
    assert "cret" not in require_one_line(capsys, message)


def test_an_existing_study_is_refused_and_one_that_is_not_there_cannot_be_resumed(
    tiny_root: Path, store_url: str, capsys: pytest.CaptureFixture
):
    with Store.open(store_url) as store:
        facts = dict.fromkeys(("dataset", "objective", "direction", "data_fingerprint", "storage_path"), "x")
        store.create_study({"study_name": "mine", "mask_seen": False, "trials_asked": 1, "spec_json": "{}"} | facts)
    flags = ["--dataset", "tiny", "--dataset-root", str(tiny_root), "--store", store_url, "--set", "n_clusters=4"]
    assert main([*flags, "--study", "mine"]) == 2
    assert "study 'mine' exists already" in capsys.readouterr().err
    assert main([*flags, "--study", "other", "--resume"]) == 2
    assert "no study 'other' in this store" in capsys.readouterr().err


def test_a_space_without_a_parameter_that_acts_is_refused(
    tmp_path: Path, store_url: str, capsys: pytest.CaptureFixture
):
    root = write_tiny(tmp_path / "data", modalities=())
    (tmp_path / "space.yaml").write_text(SPACE, encoding="utf-8")
    flags = ["--dataset", "tiny", "--dataset-root", str(root), "--store", store_url, "--set", "n_clusters=4"]
    assert main([*flags, "--search-space", str(tmp_path / "space.yaml")]) == 2
    assert "nothing is searched of ATHWE on tiny, and 32 trials" in capsys.readouterr().err
