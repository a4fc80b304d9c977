"""The whole way in a real browser: a search at work, its study, its best trial, what that recommends to a user."""

import csv
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fixture_store
import pytest
from browser import CHROMIUM, ROOT, WAIT_SECONDS, Server, Visitor, chromium, serving
from fixture_store import FINISHED
from PIL import Image
from playwright.sync_api import Browser, expect

from tuning.store import Store, StoreError

sys.path.append(str(ROOT / "tests" / "tuning"))

from search_process import search_command, url
from tiny_search import ITEMS, write_tiny

pytestmark = [
    pytest.mark.whole_path,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"),
]
STUDY, TRIALS = "study", 6
FIRST_ROW = {"x": 16, "y": 52}
"""Where the mark of the first row is in a table that is drawn on a canvas, in pixels."""
VIEWS = ("Studies", "Compare", "Trial", "Evaluation", "Users")
expect.set_options(timeout=WAIT_SECONDS * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def search(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A real search that has only just begun."""
    root = write_tiny(tmp_path / "datasets")
    titles = [f"i{number}\tThing number {number}\tHousehold Things" for number in range(ITEMS)]
    header = "item_id:token\ttitle:token\tcategories:token_seq"
    (root / "tiny" / "tiny.item").write_text("\n".join([header, *titles]) + "\n", encoding="utf-8")
    command = search_command(root, tmp_path / "searched")
    flags = ("--trials", str(TRIALS), "--epochs", "60", "--concurrency", "1", "--pruner", "none")
    log = (tmp_path / "log").open("wb")
    with subprocess.Popen([*command, *flags], cwd=ROOT, stdout=log, stderr=log) as process, log:
        try:
            yield process
        finally:
            process.terminate()


def wait_for_trials(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 2 * WAIT_SECONDS
    while trials_in(folder) < count:
        assert time.monotonic() < deadline, f"no trial began: {(folder.parent / 'log').read_text()}"
        time.sleep(0.2)


def trials_in(folder: Path) -> int:
    try:
        with Store.open(url(folder), read_only=True) as store:
            return len(store.trials(STUDY))
    except StoreError:
        return 0  # not there yet


def test_from_a_search_at_work_to_what_its_best_trial_recommends_to_a_user(browser, search, tmp_path):
    folder = tmp_path / "searched"
    with serving(url(folder)) as server:
        wait_for_trials(folder, 2)
        visitor = Visitor.of(browser, server)
        follow(visitor)
        assert search.wait(2 * WAIT_SECONDS) == 0, (tmp_path / "log").read_text()
        expect(visitor.page.get_by_test_id("stSidebar").get_by_text("ended")).to_be_visible()
        assert visitor.page.evaluate("window.opened"), "the page was loaded again"
        seen = to_a_user(visitor)
        visitor.after(visitor.page.reload)
        assert lists_of(visitor) == seen
        send_to_a_colleague(visitor, browser, seen)
        take_tables(visitor)
        take_a_chart(visitor)
        to_one_who_gained_or_lost(visitor)
        assert visitor.problems == []
        assert visitor.addresses == {server.address.removeprefix("http://")}


def follow(visitor: Visitor) -> None:
    """Look at a running search: it goes on by itself, and what is chosen stays."""
    visitor.open()
    visitor.page.evaluate("window.opened = true")
    expect(visitor.page.get_by_text("running, this page follows")).to_be_visible()
    visitor.after(visitor.view("Trial").click)
    visitor.after(visitor.option("Trial", "trial 1").click)  # another than the best so far
    expect(visitor.page.get_by_test_id("stMetric").get_by_text("COMPLETE")).to_be_visible()
    visitor.after(visitor.view("Studies").click)
    before = finished(visitor)
    expect(visitor.page.get_by_text(re.compile(rf"^{before} of {TRIALS}$"))).not_to_be_visible()
    assert before < finished(visitor) <= TRIALS
    visitor.after(visitor.view("Trial").click)
    assert visitor.selections()["trial"] == "1"
    assert visitor.page.get_by_role("combobox", name="Trial").input_value() == "trial 1"


def finished(visitor: Visitor) -> int:
    """How many trials the page says have ended."""
    return int(visitor.page.get_by_text(re.compile(rf"^\d+ of {TRIALS}$")).inner_text().split()[0])


def to_a_user(visitor: Visitor) -> dict:
    """Click from the study to its best trial, on to what it recommends, and to a user; what is seen there."""
    visitor.after(visitor.view("Studies").click)
    look = visitor.page.get_by_role("button", name="Look at trial")
    number = look.inner_text().split()[-1]
    visitor.after(look.click)
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Trial")
    assert visitor.selections()["trial"] == number
    visitor.after(visitor.page.get_by_role("button", name="What it recommends").click)
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Users")
    assert visitor.page.get_by_role("radio", name="Users").is_checked(), "the sidebar did not turn with the page"
    visitor.after(visitor.option("User", "u7").click)
    seen = lists_of(visitor)
    assert {"view": "users", "user": "u7", "lists": number}.items() <= seen["selections"].items()
    assert "Thing number" in seen["lists"] and "Thing number" in seen["history"]
    return seen


def lists_of(visitor: Visitor) -> dict:
    """What the page shows of a user, and what the URL says is chosen."""
    page = visitor.page
    shown = {"history": page.locator(".history"), "lists": page.locator(".list").first}
    user = page.get_by_role("combobox", name="User", exact=True).input_value()
    texts = {name: place.inner_text() for name, place in shown.items()}
    return {"selections": visitor.selections(), "user": user} | texts


def send_to_a_colleague(visitor: Visitor, browser: Browser, seen: dict) -> None:
    colleague = Visitor.of(browser, visitor.server)
    colleague.go_to(visitor.page.url)
    assert lists_of(colleague) == seen
    assert colleague.problems == []
    colleague.close()


def take_tables(visitor: Visitor) -> None:
    """What is saved is what is shown."""
    list_csv = visitor.download(visitor.page.get_by_role("button", name="CSV", exact=True).first)
    rows = list(csv.DictReader(io.StringIO(list_csv.decode())))
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, len(rows) + 1)]
    assert rows and all(row["title"] in visitor.page.locator(".list").first.inner_text() for row in rows)
    visitor.after(visitor.view("Studies").click)
    studies = visitor.download(visitor.page.get_by_role("button", name="CSV", exact=True).first).decode()
    assert [row["study"] for row in csv.DictReader(io.StringIO(studies))] == [STUDY]


def take_a_chart(visitor: Visitor) -> None:
    """As a picture, and as a page that needs no server."""
    visitor.after(visitor.view("Compare").click)
    visitor.page.get_by_test_id("stPlotlyChart").hover()
    picture = visitor.download(visitor.page.locator(".modebar-btn[data-title^='Download plot']"))
    assert Image.open(io.BytesIO(picture)).format == "PNG"
    page = visitor.download(visitor.page.get_by_role("button", name="HTML", exact=True)).decode()
    assert "Plotly.newPlot" in page and not re.search(r"<script[^>]*src=", page)


def to_one_who_gained_or_lost(visitor: Visitor) -> None:
    """Click the first row of the list of gains, or of losses where nobody gained: the user of it is below."""
    visitor.open(study=STUDY, view="users", lists="0,1")
    place = visitor.page.get_by_test_id("stDataFrame").first
    name = visitor.page.get_by_role("button", name="CSV", exact=True).first
    expected = next(csv.DictReader(io.StringIO(visitor.download(name).decode())))["user"]
    visitor.after(lambda: place.click(position=FIRST_ROW))
    assert visitor.selections()["user"] == expected
    assert visitor.page.get_by_role("combobox", name="User", exact=True).input_value() == expected
    assert "Thing number" in visitor.page.locator(".history").inner_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with serving(fixture_store.build(tmp_path_factory.mktemp("made-up"))) as server:
        yield server


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_drawn_in_light_and_in_dark(browser, server, dark):
    visitor = Visitor.of(browser, server, dark)
    for view in VIEWS:
        visitor.open(study=FINISHED, view=view.lower())
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text(view)
        picture = Image.open(io.BytesIO(visitor.page.screenshot())).convert("L")
        background = picture.getpixel((picture.width - 4, picture.height // 2))
        assert (background < 60) if dark else (background > 200), f"{view} has a background of {background}"
        others = sum(count for shade, count in enumerate(picture.histogram()) if abs(shade - background) > 100)
        assert others > 2000, f"{view} is blank"
    assert visitor.problems == []
    assert visitor.addresses == {server.address.removeprefix("http://")}
    visitor.close()
