"""Whatever the bytes, a reader gives records, counts broken lines or raises our error; nothing else, and no hang."""

import gzip
import json
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_files import FORMS, metadata_2014, metadata_2018, metadata_2023, new_reviews, old_reviews

from athwe.errors import DataError
from athwe.prepare.limits import Limits
from athwe.prepare.log import collect
from athwe.prepare.opening import SourceFile
from athwe.prepare.reading import Reader
from athwe.prepare.records import BrokenLine, Item, Review, TimeUnit, clean, make_item, review, to_seconds
from athwe.prepare.sources.amazon import Amazon, parse_item, parse_record, parse_review
from athwe.prepare.sources.movielens import find_movielens
from athwe.prepare.sources.table import RECBOLE, Columns, Form, Table

PATIENT = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
LENIENT = Limits(broken_share=1.0, line_bytes=10_000)


class Everything(frozenset):
    """Ids to keep: all there are."""

    def __contains__(self, item: object) -> bool:
        return True

    def isdisjoint(self, other) -> bool:
        return not list(other)


ANY_ITEM = Everything()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
KEYS = "reviewerID asin unixReviewTime user_id parent_asin timestamp title categories category images imUrl".split()
records = st.dictionaries(st.sampled_from(KEYS), json_values)
GOOD = [*old_reviews(), *old_reviews(repr), *new_reviews(), *metadata_2014(), *metadata_2018(), *metadata_2023()]


def check_review(parsed: Review) -> None:
    for token in (parsed.user, parsed.item):
        assert token and "\t" not in token and "\n" not in token
        token.encode("utf-8")
    assert isinstance(parsed.timestamp, int)


def check_item(item: Item) -> None:
    for text in (item.title, item.description, *item.categories):
        assert "\t" not in text and len(text.splitlines()) <= 1
        text.encode("utf-8")


def parse_both(line: str) -> None:
    for parse, check in ((parse_review, check_review), (lambda text: parse_item(text, ANY_ITEM), check_item)):
        try:
            parsed = parse(line)
        except BrokenLine as error:
            assert "\n" not in str(error)
        else:
            assert parsed is not None
            check(parsed)


@PATIENT
@given(records)
def test_a_record_of_any_values_is_read_or_broken(record):
    parse_both(json.dumps(record))
    parse_both(repr(record))


@PATIENT
@given(st.text())
def test_a_line_of_any_text_is_read_or_broken(line):
    parse_both(line)


@PATIENT
@given(st.sampled_from(GOOD), st.data())
def test_a_line_that_was_damaged_is_read_or_broken(line, data):
    start = data.draw(st.integers(0, len(line)))
    stop = data.draw(st.integers(start, len(line)))
    parse_both(line[:start] + data.draw(st.text(max_size=3)) + line[stop:])


@pytest.mark.parametrize(
    "open_bracket", ["[", "(", "{'a':", '{"a":', "-", "1+", "not ", "{'a': -", "lambda:", "'", "f'{"]
)
@pytest.mark.parametrize("prefix", ["", "{'asin': ", '{"asin": '])
def test_a_line_of_a_hundred_thousand_brackets_is_broken(open_bracket, prefix):
    with pytest.raises(BrokenLine):
        parse_record(prefix + open_bracket * 100_000)


@pytest.mark.parametrize(
    "line", ["{'asin': __import__('os').getcwd()}", "{'asin': [x for x in 'ab']}", "{'a': 9**9**9}", "{'a': 'x' * 9}"]
)
def test_a_literal_cannot_run_code(line):
    with pytest.raises(BrokenLine):
        parse_record(line)


@PATIENT
@given(
    st.binary(max_size=300),
    st.booleans(),
    st.sampled_from(["amazon", "csv", "recbole", "u.data", "ratings.dat", "ratings.csv"]),
)
def test_a_file_of_any_bytes_is_read_or_refused(content, is_gzip, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (kind if "." in kind else "file")
        path.write_bytes(gzip.compress(content) if is_gzip else content)
        columns = Columns(user="a", item="b", time="c", item_id="b", title="a")
        file = SourceFile(path)
        make = {
            "amazon": lambda: Amazon([path], [path]),
            "csv": lambda: Table(file, file, columns, Form()),
            "recbole": lambda: Table(file, file, columns, RECBOLE),
        }.get(kind, lambda: find_movielens(Path(folder)))
        for read in (
            lambda source: collect(source.reviews(Reader(LENIENT))),
            lambda source: list(source.items(Reader(LENIENT), ANY_ITEM)),
        ):
            try:
                read(make())
            except DataError as error:
                assert "\n" not in str(error)


@PATIENT
@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=5), max_size=6), st.sampled_from([",", ";", "\t"]))
def test_a_table_of_any_cells_is_read_or_counted(rows, delimiter):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        lines = [delimiter.join("abc"), *(delimiter.join(row) for row in rows)]
        path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
        columns = Columns(user="a", item="b", time="c", item_id="b", title="a")
        table = Table(SourceFile(path), SourceFile(path), columns, Form(delimiter))
        for parsed in table.reviews(Reader(LENIENT)):
            check_review(parsed)
        for item in table.items(Reader(LENIENT), ANY_ITEM):
            check_item(item)


@PATIENT
@given(st.text(), st.sampled_from(["seconds", "milliseconds", "iso"]))
def test_a_time_of_any_text_is_read_or_broken(text, unit: TimeUnit):
    with suppress(BrokenLine):
        assert isinstance(to_seconds(text, unit), int)


@PATIENT
@given(json_values, json_values, json_values)
def test_an_item_of_any_values_has_texts_of_one_line(title, categories, description):
    check_item(make_item("a", title, categories, description, title))


@PATIENT
@given(st.text(), st.integers(1, 50))
def test_clean_text_is_short_and_stays_as_it_is(text, limit):
    once = clean(text, limit)
    assert len(once) <= limit and once == " ".join(once.split())
    once.encode("utf-8")


@pytest.mark.parametrize("token", ["", "a\tb", "a\nb", "a\x85b", "\ud800", "x" * 129, "[PAD]", None, 5, "a\0"])
def test_ids_that_no_file_can_hold_are_broken(token):
    with pytest.raises(BrokenLine):
        review(token, "i", 1)
    with pytest.raises(BrokenLine):
        review("u", token, 1)


@pytest.mark.parametrize("token", ["x" * 128, "naïve", "日本", "a b", 'a"b', "a\u00a0b", "../x"])
def test_other_ids_are_kept_as_they_are(token):
    assert review(token, token, 1) == (token, token, 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_raw_file_cut_anywhere_is_read_or_refused(form, tmp_path, run):
    write, argument = FORMS[form]
    flags = write(tmp_path / "raw", argument)
    for path in (tmp_path / "raw").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    result = run(*flags, "--core", "1")
    assert result.code in (0, 2) and result.err.count("\n") <= 1
    assert (result.code == 0) == result.folder.exists()


@PATIENT
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4), st.floats(0, 1))
def test_a_zip_that_was_damaged_is_read_or_refused(changes, kept):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ml.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ml/ratings.dat", "".join(f"{user}::1::5::{10**9 + user}\n" for user in range(50)))
            archive.writestr("ml/mövies.dat", "1::A::B\n")
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[int(place * (len(content) - 1))] = value
        path.write_bytes(content[: len(content) if kept > 0.1 else int(10 * kept * len(content))])
        try:
            source = find_movielens(path)
            collect(source.reviews(Reader(LENIENT)))
            list(source.items(Reader(LENIENT), ANY_ITEM))
        except DataError as error:
            assert "\n" not in str(error)
