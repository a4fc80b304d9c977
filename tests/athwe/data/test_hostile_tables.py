"""Interactions and items that would fill memory, or mean something else than they seem to."""

import tracemalloc

import pytest
from data_files import HEADER, write_interactions
from hostile import ITEMS, KEEP, inter_bytes, is_read_or_refused, often, refused
from hypothesis import given
from hypothesis import strategies as st

from athwe.data.interactions import prepare_interactions
from athwe.data.tables import BLOCK_BYTES
from athwe.errors import DataError


def test_null_bytes_in_ids_are_refused_since_they_would_make_two_ids_one(folder):
    rows = b"".join(b"%s\tx\t%d\n" % (user, time) for user in (b"a", b"a\0") for time in range(5))
    assert "NUL" in refused("inter", folder, HEADER.encode() + b"\n" + rows)


def test_long_ids_are_refused_by_a_stated_limit_before_they_fill_memory(folder):
    rows = [(f"u{user}", "x" * 1_000_000 if user == 0 else f"i{user}", user) for user in range(2_000)]
    path = write_interactions(folder, rows)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="item_id of 1,000,000 characters.*most is 256"):
            prepare_interactions(path, KEEP)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000, "a fixed-width array of them would take 8 GB"
    finally:
        tracemalloc.stop()


def test_a_row_longer_than_a_block_is_refused(folder):
    assert refused("inter", folder, inter_bytes() + b"y" * (2 * BLOCK_BYTES + 10) + b"\tx\t1\n")


def test_a_column_that_is_named_twice_is_refused(folder):
    content = inter_bytes().replace(b"timestamp:float", b"user_id:token\ttimestamp:float").replace(b"\t5", b"\tq\t5")
    assert "names 'user_id' 2 times" in refused("inter", folder, content)


def test_a_very_long_cell_of_an_item_is_refused(folder):
    assert "10,000" in refused("item", folder, ITEMS.replace(b"one two", b"c" * 20_000))


@often
@given(time=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r"), max_size=12))
def test_any_text_as_a_time_is_read_or_refused(folder, time):
    assert is_read_or_refused("inter", folder, inter_bytes() + f"a\tx\t{time}\n".encode())
