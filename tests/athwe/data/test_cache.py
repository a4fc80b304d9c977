import logging
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from filelock import FileLock

from athwe.data import cache
from athwe.data.cache import array_digest, builds, cache_folder, cached

MADE_FROM = {"version": 1, "features": "abc", "n_clusters": 2}


class Build:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return {"labels": np.array([-1, 0, 1]), "names": np.array(["[PAD]", "x"])}


@pytest.fixture
def build():
    return Build()


def ask(build, kind="things", **changes) -> list:
    return cached(kind, MADE_FROM | changes, build)["labels"].tolist()


def entries() -> list:
    return sorted(cache_folder().glob("*/*.npz"))


def test_the_same_is_built_once_and_counted(build):
    before = builds["things"]
    first, second = (cached("things", MADE_FROM, build) for _ in range(2))
    assert (build.count, builds["things"] - before) == (1, 1)
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array)
        assert second[name].dtype == array.dtype


def test_a_build_is_logged_with_its_seconds(build, caplog):
    with caplog.at_level(logging.INFO, "athwe.data.cache"):
        ask(build)
        ask(build)
    assert [record.getMessage()[:15] for record in caplog.records] == ["built things in"]


@pytest.mark.parametrize("changes", [{"version": 2}, {"features": "abd"}, {"n_clusters": 3}, {"kind": "others"}])
def test_anything_else_is_built_anew(build, changes):
    ask(build)
    ask(build, **changes)
    assert build.count == 2


def test_a_failed_build_keeps_nothing(build):
    with pytest.raises(ZeroDivisionError):
        cached("things", MADE_FROM, lambda: {"labels": np.array(1 // 0)})
    ask(build)
    assert build.count == 1


@pytest.mark.parametrize("content", [b"", b"half a file", b"\x93NUMPY\x01\x00", b"PK\x03\x04"])
def test_a_damaged_file_is_built_again_with_a_warning(build, content, caplog):
    ask(build)
    entries()[0].write_bytes(content)
    assert ask(build) == [-1, 0, 1]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    ask(build)
    assert build.count == 2


def test_one_changed_byte_among_the_values_is_noticed(build):
    ask(build)
    (path,) = entries()
    content = bytearray(path.read_bytes())
    content[content.index(np.array([-1, 0, 1]).tobytes()) + 8] ^= 1
    path.write_bytes(content)
    assert ask(build) == [-1, 0, 1]
    assert build.count == 2


@pytest.mark.parametrize("save", [np.save, lambda file, array: np.savez(file, labels=array)])
def test_a_pickled_file_is_not_run(build, save, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    ask(build)
    with entries()[0].open("wb") as file:
        save(file, np.array([Payload()], dtype=object))
    assert ask(build) == [-1, 0, 1]
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_cannot_be_written_costs_a_warning_only(build, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ATHWE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert ask(build) == ask(build) == [-1, 0, 1]
    assert build.count == 2
    assert "are not kept" in caplog.text


def test_what_is_there_is_read_without_a_lock(build, caplog):
    """So that readers do not wait for each other, and a folder that is only readable serves."""
    ask(build)
    (lock,) = cache_folder().glob("*/*.lock")
    with FileLock(lock):
        assert ask(build) == [-1, 0, 1]
    assert (build.count, caplog.text) == (1, "")


def test_what_was_not_used_for_longest_goes_first(build, monkeypatch):
    ask(build, n_clusters=1)
    size = entries()[0].stat().st_size
    monkeypatch.setattr(cache, "MOST_BYTES", 2 * size)
    ask(build, n_clusters=2)
    for age_seconds, path in enumerate(sorted(entries(), key=lambda path: path.stat().st_mtime_ns, reverse=True)):
        os.utime(path, (time.time() - 100 - age_seconds,) * 2)
    ask(build, n_clusters=1)  # the older of the two, used again
    ask(build, n_clusters=3)
    assert len(entries()) == 2
    assert build.count == 3
    ask(build, n_clusters=1)
    assert build.count == 3
    ask(build, n_clusters=2)
    assert build.count == 4


def test_an_entry_larger_than_the_whole_cache_is_kept_until_the_next(build, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 1)
    ask(build)
    ask(build)
    assert build.count == 1
    ask(build, n_clusters=3)
    assert len(entries()) == 1


PROCESS = """
import sys, time
from pathlib import Path
import numpy as np
from athwe.data.cache import builds, cached

def build():
    Path(sys.argv[1]).touch()
    time.sleep(1)  # long enough for the other to ask
    return {"labels": np.array([4, 2])}

print("ready", flush=True)
sys.stdin.readline()
print(cached("things", {"version": 1}, build)["labels"].tolist(), builds["things"], flush=True)
"""


def test_processes_that_miss_the_same_entry_at_the_same_time_build_it_once(tmp_path):
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "building")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    first, second = (subprocess.Popen(command, **pipes) for _ in range(2))
    for process in (first, second):
        assert process.stdout.readline() == "ready\n"
    first.stdin.write("go\n")
    first.stdin.flush()
    while not (tmp_path / "building").exists():
        assert first.poll() is None
        time.sleep(0.01)
    found = [second.communicate("go\n", timeout=60)[0], first.communicate(timeout=60)[0]]
    assert found == ["[4, 2] 0\n", "[4, 2] 1\n"]


def test_a_digest_tells_values_types_and_shapes_apart():
    array = np.arange(6, dtype=np.float32)
    others = [array + 1, array.astype(np.float64), array.reshape(2, 3), array.view(np.int32)]
    assert len({array_digest(other) for other in (array, *others)}) == 5
    assert array_digest(array.reshape(2, 3)) == array_digest(np.asfortranarray(array.reshape(2, 3)))
