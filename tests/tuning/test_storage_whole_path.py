"""Real searches whose storage path is on S3, or fills up."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from test_search_whole_path import agreeing_trials, check_dashboard, command, epochs_of, interrupted, search, url

import athwe
from tuning.files.storage import Storage
from tuning.schema import COMPLETE, FAIL, STORAGE_FULL, WORKER_LOST
from tuning.store import Store

__all__ = ["command"]  # a fixture
pytestmark = pytest.mark.whole_path


def at(command: list[str], storage: object) -> list[str]:
    """The same search with another storage path."""
    return [
        str(storage) if flag == "--storage-path" else part for flag, part in zip(["", *command], command, strict=False)
    ]


def test_a_search_on_s3_is_killed_goes_on_and_can_be_read_back(command: list[str], tmp_path: Path, s3_bucket: str):
    storage = Storage.at(s3_bucket.format(f"{tmp_path.name}/study"))
    command = at(command, storage.url)
    flags = ["--trials", "3", "--epochs", "20", "--concurrency", "1", "--pruner", "none", "--keep-models", "1"]
    interrupted(command, *flags, folder=tmp_path, after_epochs=5, by=signal.SIGKILL)
    before = epochs_of(tmp_path)
    done = search(command[:2], "--resume", "--study", "study", "--store", url(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    assert "on disk at most" in done.stderr
    trials = agreeing_trials(tmp_path)
    counted = trials[trials["state"] != FAIL]
    assert counted["state"].tolist() == [COMPLETE] * 3
    assert (trials["reason"][0], counted["retry_of"].iloc[0]) == (WORKER_LOST, 0)
    epochs = epochs_of(tmp_path)
    again = epochs[epochs["trial_id"] == counted["trial_id"].iloc[0]].set_index("epoch")["value"]
    assert again.index.tolist() == list(range(1, 21))
    assert (again.loc[before["epoch"]].to_numpy() == before["value"].to_numpy()).all()

    kept = {counted["trial_id"].iloc[0], counted.sort_values("value")["trial_id"].iloc[-1]}
    assert set(storage.names("models")) == kept  # the configuration at hand and the best
    with storage.local_copy(storage.path(f"models/{max(kept)}")) as model:
        assert len(athwe.load(model).recommend(["i1", "i2"], [1_400_000_000, 1_400_086_400], k=3)) == 3
    with storage.local_copy(storage.path(f"recommendations/{max(kept)}.parquet")) as file:
        assert pq.read_metadata(file).num_rows == 60
    assert trials["checkpoint"].isna().all()
    assert training_states(storage) == []
    check_dashboard(url(tmp_path))


def training_states(storage: Storage) -> list[str]:
    """Files of training states that are still there."""
    system, root = fs.FileSystem.from_uri(storage.url)
    found = system.get_file_info(fs.FileSelector(f"{root}/ray", recursive=True))
    return [info.path for info in found if info.is_file and "/checkpoint_" in info.path]


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of a little more than the study's data, and a command that makes it larger."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder), "-o"]
    done = subprocess.run([*mount, "size=600k"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_storage_path_ends_the_search_and_with_room_it_goes_on(
    command: list[str], tmp_path: Path, small_disk: Path
):
    command = at(command, small_disk)
    full = search(command, "--trials", "3", "--epochs", "6", "--concurrency", "2", "--pruner", "none", "--json")
    assert full.returncode == 2, full.stderr
    message = f"the storage path {small_disk} is full: make room, then resume"
    assert full.stderr.count(message) == 1
    assert "Traceback" not in full.stderr and "failed;" not in full.stderr
    assert json.loads(full.stdout)["ended"] is False
    trials = agreeing_trials(tmp_path)
    assert STORAGE_FULL in set(trials["reason"])
    with Store.open(url(tmp_path), read_only=True) as store:
        assert pd.isna(store.study("study")["ended_at"])

    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    done = search(command[:2], "--resume", "--store", url(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    trials = agreeing_trials(tmp_path)
    assert (trials["state"] == COMPLETE).sum() == 3
    assert set(trials["reason"].dropna()) <= {STORAGE_FULL, "cancelled"}


def test_a_disk_too_small_for_one_trial_is_refused(command: list[str], tmp_path: Path, small_disk: Path):
    (small_disk / "taken").write_bytes(b"0" * (600 * 1024 - 8192))
    refused = search(at(command, small_disk), "--trials", "1")
    assert refused.returncode == 2
    assert "make room, or give another --storage-path" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_search_keeps_to_its_disk_budget(command: list[str], tmp_path: Path):
    flags = ["--trials", "10", "--epochs", "2", "--concurrency", "1", "--pruner", "none", "--disk-budget", "1MB"]
    done = search(command, *flags, "--json")
    assert done.returncode == 0, done.stderr
    assert "the disk budget is 1.0 MB, " in done.stderr
    assert re.search(r"the disk budget of 1.0 MB: 1.\d MB were used, without the models? of trial", done.stderr), done
    trials = agreeing_trials(tmp_path)
    ran = trials[trials["state"] == COMPLETE].sort_values("value", ascending=False)["trial_id"].tolist()
    assert len(ran) == 10
    storage = Storage.at(str(tmp_path / "study"))
    kept = storage.names("models")
    assert 3 <= len(kept) < 10 and set(kept) <= set(ran) and ran[0] in kept
    folders = ("models", "recommendations", "diagnostics", "ray")
    assert 800_000 < sum(storage.bytes_of(folder) for folder in folders) <= 1_000_000
    assert len(storage.names("recommendations")) == len(ran)
    athwe.load(tmp_path / "study" / "models" / ran[0])
