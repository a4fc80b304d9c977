"""Damaged, hostile and wrongly encoded files: refused in one line or counted, within bounded memory."""

import csv
import gzip
import hashlib
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from raw_files import old_reviews, write_lines

from athwe.errors import DataError
from athwe.prepare.limits import Limits
from athwe.prepare.log import collect
from athwe.prepare.opening import SourceFile, open_zip
from athwe.prepare.reading import Reader
from athwe.prepare.records import BrokenLine
from athwe.prepare.sources.amazon import Amazon

MIB = 1 << 20


def number(line: str) -> int:
    """Parses whole numbers; what a source does with its lines."""
    if not line.strip().isdecimal():
        raise BrokenLine("no number")
    return int(line)


def read(path: Path, limits: Limits | None = None, member: str | None = None, **options) -> tuple[list[int], Reader]:
    reader = Reader(limits)
    return list(reader.records(SourceFile(path, member), number, **options)), reader


def refusal(path: Path, limits: Limits | None = None, member: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(path, limits, member)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def broken(reader: Reader) -> tuple[int, tuple[int, str] | None]:
    [tally] = reader.tallies.values()
    return tally.broken, tally.first_broken


@pytest.mark.parametrize("name", ["numbers", "numbers.gz", "wrongly-named.txt.gz"])
def test_lines_are_read_whatever_the_name_says(tmp_path, name):
    path = tmp_path / name.removeprefix("wrongly-named.")
    write_lines(path, range(5))
    if name.startswith("wrongly"):
        path = path.rename(tmp_path / "numbers.json")
    assert read(path)[0] == [0, 1, 2, 3, 4]


def test_a_file_of_several_gzip_parts_is_read_to_its_end(tmp_path):
    path = tmp_path / "parts.gz"
    path.write_bytes(gzip.compress(b"1\n2\n") + gzip.compress(b"3\n"))
    assert read(path)[0] == [1, 2, 3]


def test_broken_lines_are_left_out_and_the_first_is_told(tmp_path):
    found, reader = read(write_lines(tmp_path / "file", [1, "x", "", 2, "y", 3, 4]))
    assert found == [1, 2, 3, 4] and broken(reader) == (2, (2, "no number"))


def test_a_mostly_broken_file_is_refused_with_its_first_broken_line(tmp_path):
    path = write_lines(tmp_path / "file", [1, "x", "y", "z"])
    message = refusal(path)
    assert "3 of 4 lines" in message and "line 2: no number" in message and str(path) in message


def test_the_share_of_broken_lines_is_a_limit(tmp_path):
    path = write_lines(tmp_path / "file", [1, 2, 3, "x"])
    assert read(path, Limits(broken_share=0.25))[0] == [1, 2, 3]
    assert "mostly broken" in refusal(path, Limits(broken_share=0.2))


def test_a_mostly_broken_file_is_refused_before_all_of_it_is_read(tmp_path):
    path = write_lines(tmp_path / "file", ["x"] * 100_000 + [1] * 200_000)
    assert "99,999 of 100,000 lines" in refusal(path)


def test_a_line_that_is_too_long_is_broken_and_the_next_is_read(tmp_path):
    found, reader = read(write_lines(tmp_path / "file", [1, "2" * 500, 3]), Limits(line_bytes=100))
    assert found == [1, 3] and broken(reader) == (1, (2, "longer than 100 bytes (--max-line-bytes)"))


def test_a_line_of_exactly_the_limit_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1\n" + b"7" * 99 + b"\n" + b"8" * 100)
    assert read(path, Limits(line_bytes=100))[0] == [1, int("7" * 99), int("8" * 100)]


def test_lines_that_are_not_utf8_are_counted_or_decoded_as_told(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1\n\xe9\n2\n")
    found, reader = read(path)
    assert found == [1, 2] and "not UTF-8" in str(broken(reader))
    lines = list(Reader().records(SourceFile(path), str.strip, fallback="latin-1"))
    assert lines == ["1", "é", "2"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf1\n")
    assert read(path)[0] == [1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1\n2\n".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\0\0\0\n1\n", "binary"),
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (b"PK\x03\x04rest", "compressed in a way"),
        (b"BZh91AY&SY", "compressed in a way"),
        (b"\x1f\x8b" + b"garbage" * 9, "damaged"),
        (gzip.compress(b"1\n" * 1000)[:-4] + b"\0\0\0\0", "damaged"),
        (gzip.compress(b"1\n") + b"trailing garbage", "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, content, expected):
    path = tmp_path / "file"
    path.write_bytes(content)
    message = refusal(path)
    assert expected in message and str(path) in message


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing")
    assert "Is a directory" in refusal(tmp_path)


@pytest.mark.parametrize("cut", [3, 12, 40, -1, -8])
def test_a_gzip_file_that_was_cut_is_refused(tmp_path, cut):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in old_reviews()).encode())[:cut])
    assert "fetch it again" in refusal(path)


def gzip_bomb(path: Path, mib: int) -> Path:
    """One endless line of zeros."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(mib):
            file.write(b"0" * MIB)
    return path


def test_a_gzip_bomb_is_refused_by_its_ratio_in_bounded_memory(tmp_path):
    path = gzip_bomb(tmp_path / "bomb.gz", 80)
    tracemalloc.start()
    try:
        message = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "200 times its size" in message and "--max-ratio" in message
    assert peak < 16 * MIB


def test_decompression_ends_at_its_limit_of_bytes(tmp_path):
    path = gzip_bomb(tmp_path / "bomb.gz", 4)
    assert "more than 2,000,000 bytes" in refusal(path, Limits(decompressed_bytes=2_000_000))


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_member_of_a_zip_is_read_in_place(tmp_path):
    path = zipped(tmp_path / "file.zip", numbers=b"1\n2\n")
    assert read(path, member="numbers")[0] == [1, 2]
    assert [one.name for one in tmp_path.iterdir()] == ["file.zip"]


def test_a_zip_bomb_is_refused(tmp_path):
    path = zipped(tmp_path / "file.zip", numbers=b"0" * (80 * MIB))
    assert "--max-ratio" in refusal(path, member="numbers")
    assert "--max-decompressed" in refusal(path, Limits(decompressed_bytes=MIB), member="numbers")


@pytest.mark.parametrize("name", ["../u.data", "a/../../u.data", "/etc/u.data", "..\\u.data", "C:\\u.data", "c:u.data"])
def test_a_zip_whose_paths_lead_out_of_it_is_refused(tmp_path, name):
    path = zipped(tmp_path / "file.zip", **{"u.data": b"1\n", name: b"1\n"})
    with pytest.raises(DataError, match="leads out of it"), open_zip(path):
        pass


def test_a_zip_that_was_cut_is_refused(tmp_path):
    path = zipped(tmp_path / "file.zip", numbers=b"1\n" * 1000)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="damaged"), open_zip(path):
        pass


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_another_compression_is_refused(tmp_path, compression):
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("numbers", b"1\n" * 1000)
    assert "compressed in a way that is not read here" in refusal(path, member="numbers")


def test_a_zip_whose_names_are_no_text_is_refused(tmp_path):
    path = zipped(tmp_path / "file.zip", **{"ü.data": b"1\n"})
    path.write_bytes(path.read_bytes().replace("ü".encode(), b"\xff\xff"))
    with pytest.raises(DataError, match="damaged"), open_zip(path):
        pass


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "file.zip", numbers=b"1\n")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says so
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path, member="numbers")


def test_a_digest_is_of_the_file_on_disk(tmp_path):
    path = write_lines(tmp_path / "file.gz", range(1000))
    _, reader = read(path)
    [opened] = reader.opened.values()
    assert opened.digest() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert opened.size_bytes == path.stat().st_size


def test_all_rows_that_an_open_quote_swallows_are_counted(tmp_path):
    path = write_lines(tmp_path / "table.csv", ["1,a", '2,"never closed', *(f"{row},x" for row in range(3, 9))])
    reader = Reader(Limits(broken_share=1.0))

    def cells(row: list[str]) -> str:
        if "\n" in row[1]:
            raise BrokenLine("a cell of several lines")
        return row[0]

    assert list(reader.records(SourceFile(path), cells, csv.reader)) == ["1"]
    assert broken(reader) == (7, (2, "a cell of several lines"))


def test_memory_does_not_grow_with_the_text_that_is_read(tmp_path):
    path = tmp_path / "reviews.json.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(4_000):
            review = {
                "reviewerID": f"u{number % 50}",
                "asin": "i",
                "unixReviewTime": number,
                "text": f"{number} " * 4_000,
            }
            file.write(json.dumps(review) + "\n")
    tracemalloc.start()
    try:
        log = collect(Amazon([path], []).reviews(Reader()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(log) == 4_000 and peak < 8 * MIB  # of 90 MB of text
