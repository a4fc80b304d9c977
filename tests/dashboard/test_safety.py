"""What the page must not do: change the store, open what a link names, serve files, answer other sites."""

import hashlib
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import fixture_store
import pytest
from browser import Server, serving
from fixture_store import FINISHED
from test_page import VIEWS, texts

from dashboard import data, files, results
from dashboard.charts.user import time_axis
from dashboard.selection import OF_A_STUDY

NAMES = (*OF_A_STUDY, "section", "aspect", "slice", "k", "by", "drag", "all", "columns")
"""Every selection that an address can hold."""
HOSTILE = {
    "path": "/etc/passwd",
    "path upwards": "../../../../etc/passwd",
    "file": "file:///etc/passwd",
    "page": "http://127.0.0.1:9/secret",
    "bucket": "s3://bucket/key",
    "null": "a\0passwd",
    "long": "passwd" * 1_000,
    "number": "-1e999",
    "markup": "<script>alert(1)</script>[a](http://example.org)",
    "statement": "'; DROP TABLE trial; --",
}
_watchers: list[list[str]] = []


def _on_event(event: str, details: tuple) -> None:
    if event == "open":
        for paths in _watchers:
            paths.append(str(details[0]))


sys.addaudithook(_on_event)  # for good: Python has no way to remove one


@pytest.fixture
def opened(monkeypatch) -> Iterator[list[str]]:
    """Every path that Python or Arrow is asked to open."""
    real, paths = files.file_system, []

    def file_system(path: str):
        paths.append(path)
        return real(path)

    for module in (files, results):
        monkeypatch.setattr(module, "file_system", file_system)
    _watchers.append(paths)
    yield paths
    _watchers.remove(paths)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("view", VIEWS)
def test_a_link_may_say_anything_and_opens_nothing(open_page, opened, view, value):
    app = open_page(**dict.fromkeys(NAMES, value), view=view, study=FINISHED)
    assert app.title[0].value == view.capitalize()
    assert not app.error
    assert any(path.endswith("page.py") for path in opened), "nothing was watched"
    assert not [path for path in opened if value in path or "passwd" in path or "127.0.0.1" in path or "s3:" in path]


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_link_to_a_study_or_a_view_that_is_not_there_is_one_short_sentence(open_page, value):
    for name in ("study", "view"):
        app = open_page(**{name: value})
        assert len(app.warning) == 1 and "does not hold" in app.warning[0].value, name
        assert len(app.warning[0].value) < 400
        assert not app.error


def test_a_link_to_a_trial_that_is_not_there_says_so(open_page):
    app = open_page(view="trial", study=FINISHED, trial="99")
    assert "names the trial “99”" in texts(app)


def test_looking_changes_nothing_in_the_store(open_page, tmp_path):
    url = fixture_store.build(tmp_path)

    def contents() -> dict[str, str]:
        """By name; what SQLite keeps beside a file in use holds no content of its own then."""
        found = (path for path in tmp_path.rglob("*") if path.is_file() and path.name != "athwe.db-shm")
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found if path.stat().st_size}

    before = contents()
    for view in VIEWS:
        open_page(url, view=view, study=FINISHED)
    assert contents() == before


def test_a_store_is_opened_to_be_read_only(store_url):
    """No statement gets through, whatever the code above would ask for."""
    with data.open_store(store_url)._begin() as connection:
        for statement in ("DELETE FROM trial", "CREATE TABLE more (name TEXT)", "UPDATE study SET dataset = ''"):
            with pytest.raises(Exception, match="readonly database"):
                connection.exec_driver_sql(statement)


def test_a_store_that_is_not_there_is_not_made(open_page, tmp_path):
    open_page(f"sqlite:///{tmp_path}/none/athwe.db")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with serving(fixture_store.build(tmp_path_factory.mktemp("served"))) as server:
        yield server


def ask(server: Server, path: str, method: str = "GET", headers: dict | None = None, body: bytes | None = None):
    """Status, headers and content; the path is sent as it is, which a browser would not do."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=30)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), content


@pytest.mark.parametrize("folder", ["", "static/", "app/static/", "media/", "component/", "_stcore/"])
@pytest.mark.parametrize("path", ["{}", "../" * 12 + "{}", "..%2f" * 12 + "{}", "%2e%2e/" * 12 + "{}", "/{}", "%2f{}"])
def test_no_file_is_served_but_those_of_the_page(server, folder, path):
    own = Path(__file__).resolve()
    for secret in (own, own.parents[2] / "dashboard" / "app.py", own.parents[2] / "dashboard" / "page.py"):
        target = str(secret).lstrip("/")
        _, _, content = ask(server, f"/{folder}{path.format(target)}")
        assert secret.read_bytes()[:60] not in content


def test_the_page_comes_with_its_rules(server):
    status, headers, content = ask(server, "/")
    assert status == 200 and b"<html" in content
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_chart_that_is_kept_as_a_page_has_no_markup_of_the_data(server):
    title = "</script><script>alert(1)</script>"
    kept = time_axis([0, 1], [title, title, title], 2, 1).to_html()
    assert title not in kept and "<script>alert" not in kept


def test_nothing_can_be_uploaded(server):
    status, _, _ = ask(server, "/_stcore/upload_file/a-session/a-file", "PUT", body=b"content")
    assert 400 <= status < 500


def test_other_sites_are_not_answered(server):
    """CORS and XSRF protection, as Streamlit has them by default."""
    other = {"Origin": "http://example.org"}
    _, headers, _ = ask(server, "/_stcore/health", headers=other)
    assert headers.get("access-control-allow-origin") not in ("*", "http://example.org")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert ask(server, "/_stcore/stream", headers=upgrade | other)[0] == 403


def test_programs_cannot_drive_the_page(server):
    status, _, _ = ask(server, "/_stcore/agent/interact", "POST", {"Content-Type": "application/json"}, b"{}")
    assert 400 <= status < 500
