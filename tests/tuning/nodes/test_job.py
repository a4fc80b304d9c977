"""What must outlive a Ray job, by rule; a real job is in test_cluster_whole_path.py."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from ray._private.runtime_env.packaging import create_package

from tuning.errors import SearchError
from tuning.finalize import main as finalize
from tuning.nodes.job import Job, current_job, lasting_dataset_root, require_lasting, require_unrecorded_password
from tuning.search import main as search

ROOT = Path(__file__).resolve().parents[3]
POSTGRES = "postgresql+psycopg://athwe:secret@db/athwe"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "job")


def test_only_what_ray_job_submit_starts_is_in_a_job():
    submitted = {"runtime_env": {}, "metadata": {"job_submission_id": "raysubmit_1"}}
    assert current_job({}) is None
    assert current_job({"RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps({"runtime_env": {}})}) is None
    assert current_job({"RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(submitted)}) == Job(Path.cwd())


def is_refused(job: Job, store: str, storage_path: str | None, is_resumed: bool) -> bool:
    try:
        require_lasting(job, store, storage_path, is_resumed=is_resumed)
    except SearchError:
        return True
    return False


def test_what_lies_elsewhere_is_taken(job: Job, tmp_path: Path):
    outside = tmp_path / "results"
    stores = (
        POSTGRES,
        f"sqlite:///{tmp_path}/athwe.db",
        "nonsense",
        "postgresql://h:x/",
    )  # the store refuses the last two
    taken = [(store, str(outside), False) for store in stores]
    taken += [
        (POSTGRES, "s3://bucket/results", False),
        (POSTGRES, None, True),
        (POSTGRES, f"{job.folder}-other", False),
    ]
    assert [one for one in taken if is_refused(job, *one)] == []
    assert not job.holds(outside) and job.holds("results"), "the same name in the job's folder would be refused"
    assert is_refused(job, POSTGRES, None, False), "and so would be the default, but for a resume"
    assert not outside.exists() and not job.folder.exists(), "asking has made a folder"


@pytest.mark.parametrize(
    ("store", "storage_path", "message"),
    [
        ("sqlite:///results/athwe.db", "/shared", "the store sqlite:///results/athwe.db would vanish"),
        ("sqlite:///{job}/athwe.db", "/shared", "would vanish with the job's folder: give --store postgresql"),
        (POSTGRES, None, "the default storage path results/<study> would vanish"),
        (POSTGRES, "results/one", "the storage path 'results/one' would vanish"),
        (POSTGRES, "{job}/one", "would vanish with the job's folder: give --storage-path /absolute/path"),
        (POSTGRES, "/shared/../{job}/one", "would vanish"),
    ],
)
def test_what_would_vanish_is_refused(job: Job, store: str, storage_path: str | None, message: str):
    folder = str(job.folder)
    with pytest.raises(SearchError, match="inside a Ray job") as caught:
        require_lasting(
            job, store.format(job=folder), storage_path and storage_path.format(job=folder), is_resumed=False
        )
    assert message in str(caught.value) and "secret" not in str(caught.value)


SECRETS = (POSTGRES, "postgresql+psycopg://athwe@db/athwe?password=secret", "postgresql://db/athwe?sslpassword=secret")
REFUSAL = r"store .* would stand in the cluster's job record: leave it out, and have it in PGPASSWORD or ~/\.pgpass"


@pytest.mark.parametrize("store", SECRETS)
def test_a_password_is_not_told_to_a_cluster(monkeypatch: pytest.MonkeyPatch, store: str):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for own_ray in (None, "local"):
        require_unrecorded_password(store, own_ray)
    require_unrecorded_password("postgresql+psycopg://athwe@db/athwe", "10.0.0.1:6379")
    with pytest.raises(SearchError, match=REFUSAL) as caught:
        require_unrecorded_password(store, "10.0.0.1:6379")
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    submitted = {"metadata": {"job_submission_id": "raysubmit_1"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(submitted))
    with pytest.raises(SearchError, match=REFUSAL):
        require_unrecorded_password(store, "local")


@pytest.mark.parametrize("command", [search, finalize])
def test_both_commands_that_may_attach_to_a_cluster_refuse_it(command, capsys: pytest.CaptureFixture[str]):
    assert command(["--study", "s", "--store", POSTGRES, "--address", "127.0.0.1:1"]) == 2
    assert re.search(REFUSAL, capsys.readouterr().err)


def test_data_is_named_and_the_generated_one_goes_to_the_results(job: Job, tmp_path: Path):
    assert lasting_dataset_root(job, {"dataset": "books", "dataset_root": "/shared/dataset"}, "/r") == "/shared/dataset"
    assert lasting_dataset_root(job, {}, "/shared/results") == "/shared/results/dataset"
    assert lasting_dataset_root(job, {"dataset": "demo", "dataset_root": "/d"}, "/shared/results") == "/d"
    for flags in ({"dataset": "books"}, {"dataset": "books", "dataset_root": "dataset"}, {"dataset_root": "dataset"}):
        with pytest.raises(SearchError, match="no data is shipped: give --dataset-root"):
            lasting_dataset_root(job, flags, "/shared/results")
    with pytest.raises(SearchError, match="no data is shipped: give --dataset-root"):
        lasting_dataset_root(job, {"dataset": "demo"}, "s3://bucket/results")


def test_paths_in_the_job_s_folder_are_stored_so_that_the_next_job_has_them(job: Job):
    assert job.kept("config/small.yaml") == job.kept(job.folder / "config/small.yaml") == "config/small.yaml"
    assert job.kept("/shared/config.yaml") == "/shared/config.yaml"


def test_no_data_rides_in_the_working_directory(tmp_path: Path):
    folder = tmp_path / "checkout"
    kept = ("tuning/search.py", "config/data.yaml", "dataset/README.md", "athwe/data/dataset.py")
    left_out = ("dataset/books/books.inter", "results/athwe.db", "results/s/models/m", ".venv/bin/python", "saved/x")
    for name in (*kept, *left_out):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / ".rayignore").write_text((ROOT / ".rayignore").read_text(encoding="utf-8"), encoding="utf-8")
    create_package(str(folder), tmp_path / "package.zip", include_gitignore=False)
    files = {name for name in zipfile.ZipFile(tmp_path / "package.zip").namelist() if not name.endswith("/")}
    assert files == {*kept, ".rayignore"}
