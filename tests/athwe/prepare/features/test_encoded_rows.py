"""Rows kept by content come back exactly, whatever a killed process or a bad disk did to the file."""

import json
import threading

import numpy as np
import pytest

from athwe.prepare.features import encoded_rows
from athwe.prepare.features.encoded_rows import EncodedRows, content_key

KEYS = [content_key(text.encode()) for text in ("tea", "coffee", "cup")]
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
ABOUT = {"width": 4}


def kept(identity: str = "encoder") -> EncodedRows:
    return EncodedRows({"encoder": identity})


@pytest.fixture
def filled() -> EncodedRows:
    rows = kept()
    rows.start(ABOUT)
    rows.append(KEYS[:2], ROWS[:2])
    rows.append(KEYS[2:], ROWS[2:])
    return rows


def test_rows_come_back_by_content_to_the_same_encoder_only(filled):
    found = kept().read([KEYS[2], KEYS[0], content_key(b"new")])
    assert found.keys() == {KEYS[2], KEYS[0]}
    np.testing.assert_array_equal(found[KEYS[0]], ROWS[0])
    np.testing.assert_array_equal(found[KEYS[2]], ROWS[2])
    assert kept("another").read(KEYS) == {}


@pytest.mark.parametrize("cut_bytes", [1, 17, 51])
def test_a_record_cut_by_a_kill_is_dropped_and_the_next_append_is_whole(filled, cut_bytes):
    path = filled.folder / "rows"
    path.write_bytes(path.read_bytes()[:-cut_bytes])  # a record has 32 + 16 + 4 bytes
    assert kept().read(KEYS).keys() == set(KEYS[:2])
    kept().append(KEYS[2:], ROWS[2:])
    found = kept().read(KEYS)
    np.testing.assert_array_equal([found[key] for key in KEYS], ROWS)


def test_a_damaged_record_is_not_there(filled):
    path = filled.folder / "rows"
    content = bytearray(path.read_bytes())
    content[40] ^= 1  # in the first row
    path.write_bytes(content)
    assert kept().read(KEYS).keys() == set(KEYS[1:])
    kept().append(KEYS[:1], ROWS[:1])  # encoded again, after the damaged one
    np.testing.assert_array_equal(kept().read(KEYS)[KEYS[0]], ROWS[0])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"width": "4"}'])
def test_without_a_readable_description_nothing_is_there(filled, content):
    (filled.folder / "about.json").write_text(content, encoding="utf-8")
    assert kept().read(KEYS) == {}


def test_writers_at_the_same_time_lose_nothing(filled):
    keys = [content_key(str(number).encode()) for number in range(200)]
    rows = np.arange(800, dtype=np.float32).reshape(200, 4)

    def write(first: int) -> None:
        for number in range(first, 200, 4):
            kept().append(keys[number : number + 1], rows[number : number + 1])

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = kept().read(keys)
    np.testing.assert_array_equal([found[key] for key in keys], rows)


def test_a_folder_that_cannot_be_written_costs_the_keeping_only(filled, monkeypatch, caplog, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATHWE_CACHE_DIR", str(tmp_path / "file"))
    rows = kept()
    rows.start(ABOUT)
    rows.append(KEYS, ROWS)
    assert rows.read(KEYS) == {} and "are not kept in" in caplog.text


def test_past_the_limit_the_encoder_unused_for_longest_goes(filled, monkeypatch):
    import os

    os.utime(filled.folder, (1, 1))
    monkeypatch.setattr(encoded_rows, "MOST_BYTES", 100)
    kept("second").start(ABOUT)
    assert kept().read(KEYS) == {}
    assert json.loads((kept("second").folder / "about.json").read_text()) == ABOUT
