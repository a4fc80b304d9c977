"""The same storage on a local path and on a real S3 server."""

import errno
import os
import pickle
import subprocess
from pathlib import Path

import pytest

from athwe.files import replacing
from tuning.errors import SearchError
from tuning.files.storage import Storage, is_full


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.at(str(tmp_path / "storage"))
    return Storage.at(request.getfixturevalue("s3_bucket").format(f"{tmp_path.name}/storage"))


def write_model(path: Path) -> None:
    with replacing(path) as folder:
        folder.mkdir()
        (folder / "model.json").write_text("{}", encoding="utf-8")
        (folder / "model.safetensors").write_bytes(os.urandom(6_000_000))  # more than a part of an upload


def test_a_file_is_written_read_replaced_listed_and_deleted(storage: Storage):
    assert not storage.exists("diagnostics/s.0.json") and storage.names("diagnostics") == []
    storage.write_text("diagnostics/s.0.json", "é")
    storage.write_text("diagnostics/s.0.json", "{}")
    storage.write_text("diagnostics/s.1.json", "[]")
    assert storage.read("diagnostics/s.0.json") == b"{}"
    assert storage.names("diagnostics") == ["s.0.json", "s.1.json"]  # and nothing temporary
    assert storage.bytes_of("diagnostics/s.0.json") == 2
    storage.delete("diagnostics/s.0.json")
    storage.delete("diagnostics/s.0.json")
    assert storage.names("diagnostics") == ["s.1.json"]
    with pytest.raises(FileNotFoundError):
        storage.read("diagnostics/s.0.json")


def test_a_folder_is_written_copied_fetched_and_deleted(storage: Storage):
    storage.write("models/s.0", write_model)
    storage.write("models/s.0", write_model)
    storage.copy("models/s.0", "models/s.1")
    storage.delete("models/s.0")
    assert storage.names("models") == ["s.1"]
    assert storage.bytes_of("models/s.1") == 6_000_002
    with storage.local_copy(storage.path("models/s.1")) as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
        assert (folder / "model.safetensors").stat().st_size == 6_000_000
    storage.delete("models/s.1")
    assert storage.bytes_of("models/s.1") == 0


def test_it_can_be_pickled_and_is_found_to_be_writable(storage: Storage):
    copy = pickle.loads(pickle.dumps(storage))
    copy.require_writable()
    assert copy == storage and storage.names() == []


def test_the_name_of_a_path_stays_inside(storage: Storage):
    assert storage.name_of(storage.path("ray/s/1")) == "ray/s/1"
    for outside in ("/etc/passwd", storage.root, storage.root + "2/ray", storage.path("ray/../../x")):
        assert storage.name_of(outside) is None


def test_free_room_is_known_on_a_local_path_only(storage: Storage):
    storage.require_writable()
    assert (storage.free_bytes() is not None) == storage.is_local


def test_a_relative_path_becomes_absolute_and_a_file_url_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert Storage.at("here").url == f"{tmp_path}/here"
    assert Storage.at(f"file://{tmp_path}/here").url == f"{tmp_path}/here"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gs://bucket/path", "takes a folder or s3://bucket/path, got gs://"),
        ("s3://", "takes a folder or s3://bucket/path"),
        ("s3://key:hidden@bucket/path", "takes no credentials: set AWS_ACCESS_KEY_ID"),
        ("s3://bucket/path?colour=red", "Unexpected query parameter"),
    ],
)
def test_what_is_no_storage_is_one_line_without_secrets(given: str, message: str):
    with pytest.raises(SearchError, match=message) as caught:
        Storage.at(given)
    assert "hidden" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_one_line(s3_bucket: str):
    with pytest.raises(SearchError, match="cannot write to s3://nobody/path.*bucket does not exist") as caught:
        Storage.at(s3_bucket.replace("bucket", "nobody").format("path")).require_writable()
    assert "\n" not in str(caught.value)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_what_does_not_fit_leaves_nothing_behind_and_the_old_version_stays(small_disk: Path):
    storage = Storage.at(str(small_disk))
    storage.write_text("models/s.0", "old")
    for write in (lambda: storage.write("models/s.0", write_model), lambda: storage.write_text("x", "x" * 2_000_000)):
        with pytest.raises(OSError) as caught:
            write()
        assert is_full(caught.value)
    assert storage.read("models/s.0") == b"old" and storage.names() == ["models"] and storage.names("models") == ["s.0"]


def test_tensors_that_do_not_fit_are_the_same_error(small_disk: Path):
    import torch

    from athwe.training.checkpoint import write_checkpoint

    with pytest.raises(OSError) as caught:
        write_checkpoint(small_disk / "model", {"model": ({"a": torch.zeros(1_000_000)}, {})})
    assert caught.value.errno == errno.ENOSPC and is_full(caught.value)
    assert list(small_disk.iterdir()) == []
