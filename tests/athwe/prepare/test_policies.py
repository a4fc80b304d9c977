"""Impossible times and repetitions: found by the same rule whatever is done with them."""

import numpy as np
import pytest

from athwe.errors import DataError
from athwe.prepare.log import Log, collect
from athwe.prepare.policies import DAY_SECONDS, Policies, apply_policies
from athwe.prepare.records import Review

NOW = 1_700_000_000.0
DAY = DAY_SECONDS
ROWS = [  # user, item, time
    ("a", "x", 10 * DAY + 50),
    ("a", "y", 10 * DAY),
    ("a", "x", 10 * DAY + 20),  # before the first of the file, on its day
    ("b", "x", 10 * DAY + 20),  # another user's
    ("a", "x", 30 * DAY),  # later
    ("a", "y", 11 * DAY - 1),  # the last second of y's day
    ("a", "y", 11 * DAY),  # a second later it is another day
    ("a", "x", 30 * DAY),  # exactly again
]


def rows(log: Log) -> list[tuple[str, str, int]]:
    columns = zip(log.user.tolist(), log.item.tolist(), log.timestamp.tolist(), strict=True)
    return [(log.users[user], log.items[item], time) for user, item, time in columns]


def apply(given=ROWS, **policies):
    log, found = apply_policies(collect(Review(*row) for row in given), Policies(**policies), NOW)
    return [given.index(row) if given.count(row) == 1 else row for row in rows(log)], found


def kept(**policies) -> list[int]:
    log, _ = apply_policies(collect(Review(*row) for row in ROWS), Policies(**policies), NOW)
    numbers = []
    for row in rows(log):
        numbers.append(next(at for at, one in enumerate(ROWS) if one == row and at not in numbers))
    return numbers


def test_everything_is_kept_and_counted_by_default():
    found = apply()[1]
    assert kept() == list(range(8))
    assert (found.same_day, found.duplicates, found.bad_times, found.tied) == (3, 5, 0, 2)


def test_of_one_day_the_first_by_time_is_kept_in_the_order_of_the_file():
    assert kept(same_day="first") == [1, 2, 3, 4, 6]


def test_of_all_times_the_first_or_the_last_is_kept():
    assert kept(duplicates="first") == [1, 2, 3]
    assert kept(duplicates="last") == [3, 6, 4]  # the repeated row 7 equals row 4
    log, _ = apply_policies(collect(Review(*row) for row in ROWS), Policies(duplicates="last"), NOW)
    assert rows(log) == [ROWS[3], ROWS[6], ROWS[7]]


def test_duplicates_are_counted_among_what_the_days_left():
    found = apply(same_day="first", duplicates="first")[1]
    assert (found.same_day, found.duplicates) == (3, 2)
    assert kept(same_day="first", duplicates="first") == [1, 2, 3]


TIMES = [("a", "x", -5), ("a", "y", 0), ("a", "z", 100), ("a", "v", int(NOW) + DAY), ("a", "w", int(NOW) + DAY + 1)]


def test_impossible_times_are_dropped_kept_or_refused():
    assert apply(TIMES)[0] == [2, 3] and apply(TIMES)[1].bad_times == 3
    assert apply(TIMES, bad_times="keep")[0] == [1, 2, 3, 4]  # a .inter cannot hold a negative one
    with pytest.raises(DataError, match="3 of 5 interactions have an impossible time, the first is -5 of user 'a'"):
        apply(TIMES, bad_times="refuse")


def test_nothing_left_is_refused():
    with pytest.raises(DataError, match="none is left"):
        apply([("a", "x", 0)])
    with pytest.raises(DataError, match="no interactions"):
        apply([])


def test_repeats_equal_a_plain_loop():
    generator = np.random.default_rng(4)
    given = [
        (f"u{user}", f"i{item}", int(time))
        for user, item, time in zip(*(generator.integers(1, high, 2_000) for high in (9, 9, 40 * DAY)), strict=True)
    ]
    seen: set[tuple] = set()
    expected = []
    for user, item, time in sorted(given, key=lambda row: row[2]):
        if (user, item, time // DAY) not in seen:
            seen.add((user, item, time // DAY))
            expected.append((user, item, time))
    log, found = apply_policies(collect(Review(*row) for row in given), Policies(same_day="first"), NOW)
    assert sorted(rows(log)) == sorted(expected) and found.same_day == len(given) - len(expected)
    positions = iter(given)
    assert all(row in positions for row in rows(log))  # a subsequence of the file
