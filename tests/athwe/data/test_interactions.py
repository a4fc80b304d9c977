from collections import Counter, defaultdict

import numpy as np
import pytest
from data_files import KEEP_ALL, TOKENS, random_log, write_interactions

from athwe.config import DataConfig
from athwe.data.cache import builds
from athwe.data.interactions import k_core_rows, prepare_interactions, read_interactions
from athwe.errors import DataError

KEEP = DataConfig(**KEEP_ALL)


def read_times(folder, *times, config=KEEP):
    path = write_interactions(folder, [("a", f"i{number}", time) for number, time in enumerate(times)])
    return read_interactions(path, config).timestamp


def error_of(path, config=KEEP) -> str:
    with pytest.raises(DataError) as caught:
        read_interactions(path, config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_users_and_items_are_numbered_by_first_appearance(folder):
    interactions = read_interactions(folder / "tiny.inter", KEEP)
    assert interactions.user_tokens.tolist() == ["[PAD]", "b", "a", "c"]
    assert interactions.item_tokens.tolist() == TOKENS


def test_a_user_is_ordered_by_time_and_ties_keep_the_order_of_the_file(folder):
    interactions = read_interactions(folder / "tiny.inter", KEEP)
    start, end = interactions.user_offset[2:4]
    assert interactions.item_tokens[interactions.item[start:end]].tolist() == ["x", "y", "z", "w", "x"]
    assert interactions.timestamp[start:end].tolist() == [10, 20, 30, 30, 40]


def test_an_item_dropped_by_filtering_takes_no_number(folder):
    rows = [("a", "rare", 1), *(("a", item, 2) for item in "xyxyxy"), *(("b", item, 3) for item in "xyxyxy")]
    interactions = read_interactions(write_interactions(folder, rows), DataConfig())
    assert interactions.item_tokens.tolist() == ["[PAD]", "x", "y"]


def test_filtering_repeats_until_nothing_changes(folder):
    # Dropping z takes b below 2, which takes y below 2, which takes c below 2.
    rows = [(0, 0), (0, 1), (3, 0), (3, 1), (1, 3), (1, 2), (2, 2), (2, 4)]
    user, item = np.array(rows).T
    assert k_core_rows(user, item, "[2,inf)", "[2,inf)").tolist() == [0, 1, 2, 3]


def test_filtering_equals_a_plain_loop(folder):
    rows = random_log(n_rows=200)
    kept = rows
    while True:
        users, items = Counter(row[0] for row in kept), Counter(row[1] for row in kept)
        fewer = [row for row in kept if users[row[0]] >= 5 and items[row[1]] >= 5]
        if len(fewer) == len(kept):
            break
        kept = fewer
    histories = defaultdict(list)
    for user, item, time in kept:
        histories[user].append((time, item))
    expected = {user: sorted(history, key=lambda entry: entry[0]) for user, history in histories.items()}

    found = read_interactions(write_interactions(folder, rows), DataConfig())
    tokens = found.item_tokens[found.item].tolist()
    offset = found.user_offset.tolist()
    assert 0 < len(kept) < len(rows)
    assert found.user_tokens.tolist() == ["[PAD]", *dict.fromkeys(row[0] for row in kept)]
    for number, user in enumerate(found.user_tokens.tolist()[1:], start=1):
        rows_of_user = slice(offset[number], offset[number + 1])
        assert list(zip(found.timestamp[rows_of_user], tokens[rows_of_user], strict=True)) == expected[user]


def test_an_upper_bound_filters_too(folder):
    interactions = read_interactions(
        folder / "tiny.inter", DataConfig(**KEEP_ALL | {"user_inter_num_interval": "[1,4]"})
    )
    assert interactions.user_tokens.tolist() == ["[PAD]", "b", "c"]


@pytest.mark.parametrize("text", ["881250949", "881250949.0", "8.81250949e8", " 881250949 "])
def test_times_are_read_exactly_however_they_are_written(folder, text):
    assert read_times(folder, text).tolist() == [881_250_949]


def test_times_one_second_apart_stay_apart(folder):
    assert read_times(folder, 1_400_000_001, 1_400_000_000).tolist() == [1_400_000_000, 1_400_000_001]


def test_further_columns_are_ignored_in_any_order(folder):
    header = "rating:float\ttimestamp:float\titem_id:token\tnote:token\tuser_id:token"
    path = write_interactions(folder, [(5, 7, "x", 'said "no', "a")], header)
    assert read_interactions(path, KEEP).timestamp.tolist() == [7]


def test_tokens_that_look_like_missing_values_are_tokens(folder):
    path = write_interactions(folder, [("NA", "null", 1), ("nan", "NULL", 2), ("001", "1", 3)])
    interactions = read_interactions(path, KEEP)
    assert interactions.user_tokens.tolist() == ["[PAD]", "NA", "nan", "001"]
    assert interactions.item_tokens.tolist() == ["[PAD]", "null", "NULL", "1"]


def test_columns_go_by_the_names_of_the_config(folder):
    path = write_interactions(folder, [("a", "x", 1)], "who:token\twhat:token\twhen:float")
    config = DataConfig(USER_ID_FIELD="who", ITEM_ID_FIELD="what", TIME_FIELD="when", **KEEP_ALL)
    assert read_interactions(path, config).item_tokens.tolist() == ["[PAD]", "x"]


def test_a_column_cannot_be_two_things(folder):
    config = DataConfig(USER_ID_FIELD="item_id", **KEEP_ALL)
    with pytest.raises(DataError, match="'item_id' of .* asked for as two things"):
        read_interactions(folder / "tiny.inter", config)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("yesterday", "is not a time"),
        ("", "is not a time"),
        ("nan", "is not a time"),
        ("inf", "is not a time"),
        ("true", "is not a time"),
        ("-5", "is negative"),
        ("1400000000000", "divide the column by 1000"),
        ("1.4e12", "divide the column by 1000"),
    ],
)
def test_a_time_that_is_none_is_refused_with_its_row(folder, text, part):
    path = write_interactions(folder, [("a", "x", 1), ("a", "y", text)])
    message = error_of(path)
    assert part in message
    assert f"timestamp {text!r} in row 2" in message


def test_a_missing_column_is_named_with_those_found(folder):
    message = error_of(write_interactions(folder, [("a", "x", 1)], "user_id:token\titem_id:token\ttime:float"))
    assert "no column 'timestamp'" in message
    assert "'time'" in message


def test_nothing_left_names_intervals_and_counts(folder):
    message = error_of(folder / "tiny.inter", DataConfig())
    assert "[5,inf)" in message
    assert "11 interactions of 3 users with 4 items" in message


def test_an_empty_id_is_refused_with_its_row(folder):
    assert "row 2 of" in error_of(write_interactions(folder, [("a", "x", 1), ("", "y", 2)]))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"user_id:token\titem_id:token\ttimestamp:float\n", "no interactions"),
        (b"user_id:token\titem_id:token\ttimestamp:float", "ends inside its header"),
        (b"\x80\x02}q\x00.\n", "binary"),
        (b"user_id\titem_id\ttimestamp\n\xff\tx\t1\n", "UTF8"),
        (b"us\xffer_id\titem_id\ttimestamp\n", "UTF-8"),
        (b"user_id\titem_id\ttimestamp\na\tx\n", "expected 3 columns, got 2"),
        (b"user_id\titem_id\ttimestamp\na\tx\t1\t2\n", "expected 3 columns, got 4"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(folder, content, part):
    path = folder / "tiny.inter"
    path.write_bytes(content)
    assert part.lower() in error_of(path).lower()


def test_windows_line_ends_and_a_byte_order_mark_are_read(folder):
    path = folder / "tiny.inter"
    path.write_bytes("\ufeffuser_id:token\titem_id:token\ttimestamp:float\r\na\tx\t1\r\n\r\n".encode())
    interactions = read_interactions(path, KEEP)
    assert (interactions.user_tokens[1], interactions.item_tokens[1], interactions.timestamp[0]) == ("a", "x", 1)


# The cache.


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 0),
        ({"MAX_ITEM_LIST_LENGTH": 9, "n_clusters": 7, "modalities": ("item",)}, 0),
        ({"user_inter_num_interval": "[3,inf)"}, 1),
        ({"item_inter_num_interval": "[2,inf)"}, 1),
        ({"TIME_FIELD": "added"}, 1),
    ],
)
def test_interactions_are_prepared_again_only_for_settings_that_shape_them(folder, changes, count):
    rows = [("a", "x", 1, 5), ("b", "y", 2, 6), ("a", "y", 3, 4), ("a", "z", 3, 4), ("b", "x", 3, 4)]
    path = write_interactions(folder, rows, "user_id:token\titem_id:token\ttimestamp:float\tadded:float")
    config = DataConfig(**KEEP_ALL | changes)
    read_interactions(path, KEEP)
    before = builds["interactions"]
    found = read_interactions(path, config)
    assert builds["interactions"] - before == count
    for name, expected in vars(prepare_interactions(path, config)).items():
        np.testing.assert_array_equal(getattr(found, name), expected)
        assert getattr(found, name).dtype == expected.dtype


def test_a_file_with_other_bytes_is_prepared_again_wherever_it_lies(folder):
    path = write_interactions(folder, [("a", "x", 1)])
    read_interactions(path, KEEP)
    before = builds["interactions"]
    moved = path.rename(path.with_name("moved.inter"))
    assert read_interactions(moved, KEEP).timestamp.tolist() == [1]
    assert builds["interactions"] == before
    assert read_interactions(write_interactions(folder, [("a", "x", 2)]), KEEP).timestamp.tolist() == [2]
    assert builds["interactions"] == before + 1
