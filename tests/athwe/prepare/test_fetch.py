"""Large files are fetched whole or not at all, over connections that break."""

import hashlib
import os
import re

import pytest
from range_server import serving
from raw_files import write_amazon

from athwe.errors import DataError
from athwe.prepare import choosing
from athwe.prepare.download import fetch as fetch_module
from athwe.prepare.download.fetch import TRIES, Fetcher
from athwe.prepare.download.http import NotHttpError, open_url
from athwe.prepare.download.public import AMAZON, MOVIELENS, PublicFile, amazon_files

CONTENT = os.urandom(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def site():
    with serving() as one:
        one.files["/file.gz"] = CONTENT
        yield one


@pytest.fixture
def fetch(site, tmp_path):
    """Fetch `/file.gz`; gives its path."""

    def run(md5=None, path="/file.gz", **options):
        return Fetcher(tmp_path / "raw", pause_seconds=0.001, **options).fetch(PublicFile(site.url + path, md5))

    return run


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def ranges(site) -> list[str | None]:
    return [asked for _, asked in site.requests]


def test_a_file_is_fetched_and_nothing_else_is_left(fetch, site, tmp_path):
    path = fetch(MD5)
    assert path.read_bytes() == CONTENT and names(tmp_path / "raw") == ["file.gz"] and ranges(site) == [None]


def test_what_is_there_is_not_fetched_again(fetch, site):
    fetch(MD5)
    fetch(MD5)
    assert len(site.requests) == 1


def test_a_cut_connection_goes_on_where_it_was_cut(fetch, site):
    site.cut_after = [100_000, 50_000]
    assert fetch(MD5).read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(fetch, site, tmp_path):
    site.cut_after = [100_000] + [0] * TRIES
    with pytest.raises(DataError, match=r"given up .* 100,000 bytes are in .*file.gz.part"):
        fetch(MD5)
    assert names(tmp_path / "raw") == ["file.gz.part", "file.gz.part.json"]
    site.requests.clear()
    site.cut_after.clear()
    assert fetch(MD5).read_bytes() == CONTENT
    assert ranges(site) == ["bytes=100000-"] and names(tmp_path / "raw") == ["file.gz"]


def test_tries_are_counted_from_the_last_progress(fetch, site):
    site.cut_after = [10_000] * (TRIES * 2)
    assert fetch(MD5).read_bytes() == CONTENT


def test_a_part_that_is_complete_is_not_fetched_again(fetch, site, tmp_path):
    path = fetch()
    path.rename(tmp_path / "raw" / "file.gz.part")
    (tmp_path / "raw" / "file.gz.part.json").write_text(f'{{"version": "1", "size_bytes": {len(CONTENT)}}}')
    site.requests.clear()
    assert fetch(MD5).read_bytes() == CONTENT and site.requests == []


def test_a_damaged_note_begins_anew(fetch, site, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "file.gz.part").write_bytes(b"something else")
    (tmp_path / "raw" / "file.gz.part.json").write_text("[half")
    assert fetch(MD5).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(fetch, site):
    site.cut_after = [100_000] + [0] * TRIES
    with pytest.raises(DataError):
        fetch()
    site.cut_after.clear()
    site.files["/file.gz"], site.etag = CONTENT[::-1], '"2"'
    assert fetch().read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ['W/"1"', ""])
def test_a_part_of_unknown_version_is_not_continued(fetch, site, etag):
    site.etag = etag
    site.cut_after = [100_000]
    assert fetch(MD5).read_bytes() == CONTENT
    assert ranges(site) == [None, None]


def test_a_server_without_ranges_serves_the_whole_again(fetch, site):
    site.has_ranges = False
    site.cut_after = [100_000]
    assert fetch(MD5).read_bytes() == CONTENT


def test_a_wrong_range_is_not_believed(fetch, site):
    site.range_shift = 7
    site.cut_after = [100_000]
    assert fetch(MD5).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_dropped(fetch, site, tmp_path):
    site.cut_after = [200_000] + [0] * TRIES
    with pytest.raises(DataError):
        fetch()
    site.cut_after.clear()
    site.files["/file.gz"] = CONTENT[:1000]
    assert fetch().read_bytes() == CONTENT[:1000]


def test_busy_servers_are_asked_again_and_missing_files_are_not(fetch, site):
    site.statuses = [503, 429, 500]
    assert fetch(MD5).read_bytes() == CONTENT
    site.requests.clear()
    with pytest.raises(DataError, match="404 Not Found"):
        fetch(path="/other.gz")
    assert len(site.requests) == 1


def test_a_wrong_checksum_is_refused_and_the_file_removed(fetch, site, tmp_path):
    with pytest.raises(DataError, match=f"MD5 checksum {MD5}, expected 0000"):
        fetch("0000")
    assert "file.gz" not in names(tmp_path / "raw")
    assert fetch(MD5).read_bytes() == CONTENT


def test_a_file_without_stated_length_is_fetched(fetch, site):
    site.has_length = False
    assert fetch(MD5).read_bytes() == CONTENT


def test_the_size_is_agreed_to_before_anything_is_written(fetch, tmp_path):
    asked = []
    with pytest.raises(DataError, match="not agreed"):
        fetch(agrees=lambda url, size: asked.append(size))
    assert asked == [len(CONTENT)] and "file.gz" not in names(tmp_path / "raw")


def test_a_file_that_the_disk_has_no_room_for_is_not_begun(fetch, monkeypatch):
    monkeypatch.setattr(fetch_module, "SPARE_BYTES", 1 << 60)
    with pytest.raises(DataError, match="has room for 0"):
        fetch()


def test_no_server_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"given up .*refused"):
        Fetcher(tmp_path, pause_seconds=0.001).fetch(PublicFile("http://127.0.0.1:9/file.gz"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "//host/x", "http://", "data:,x", "http://a b/", "http://[/"]
)
def test_only_http_is_opened(url):
    with pytest.raises(NotHttpError):
        open_url(url)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_anything_but_http_is_not_followed(fetch, site, target):
    site.redirects["/moved.gz"] = target
    with pytest.raises(DataError, match="not allowed|no http"):
        fetch(path="/moved.gz")


def test_a_redirect_to_http_is_followed_but_not_for_ever(fetch, site):
    site.redirects["/moved.gz"] = "/file.gz"
    assert fetch(MD5, "/moved.gz").read_bytes() == CONTENT
    site.redirects["/ring.gz"] = "/ring.gz"
    with pytest.raises(DataError, match="302"):
        fetch(path="/ring.gz")


def test_every_public_file_is_on_https_and_its_name_is_a_file_name():
    files = [*MOVIELENS.values(), *(one for year in AMAZON for one in amazon_files(year, "Home_and_Kitchen"))]
    assert all(one.url.startswith("https://") for one in files)
    assert all(re.fullmatch(r"[\w.-]+", one.url.rpartition("/")[2]) for one in files)


@pytest.fixture
def shop(site, tmp_path, monkeypatch):
    """The public table names files on the site."""
    write_amazon(tmp_path / "there", "2018.gz")
    for name in ("reviews.json.gz", "meta.json.gz"):
        site.files[f"/X_{name}"] = (tmp_path / "there" / name).read_bytes()
    monkeypatch.setitem(
        AMAZON, "2018", (f"{site.url}/{{category}}_reviews.json.gz", f"{site.url}/{{category}}_meta.json.gz")
    )
    return ["amazon", "--download", "2018", "--category", "X", "--core", "2"]


def test_the_command_fetches_a_public_source_once(run, shop, site, tmp_path):
    site.cut_after = [100]
    result = run(*shop)
    assert result.code == 0, result.err
    assert names(tmp_path / "data" / ".downloads" / "amazon-2018") == ["X_meta.json.gz", "X_reviews.json.gz"]
    asked = len(site.requests)
    assert run(*shop, "--overwrite").code == 0 and len(site.requests) == asked


def test_a_large_download_is_agreed_to_by_a_flag_where_nobody_can_be_asked(run, shop, monkeypatch):
    monkeypatch.setattr(choosing, "ASKED_FROM_BYTES", 10)
    result = run(*shop)
    assert result.code == 2 and "--yes agrees" in result.err and not result.folder.exists()
    assert run(*shop, "--yes").code == 0


def test_a_download_that_is_not_there_is_one_line(run, shop):
    result = run(*shop, "--category", "Y")
    assert result.code == 2 and "404" in result.err and result.err.count("\n") == 1
