"""The dashboard as people see it: the server as `streamlit run` starts it, and headless Chromium in front of it.

Chromium comes from the machine's packages; nothing is downloaded. The tests, the README's pictures and the benchmark
share this.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 60.0
"""How long anything may take before it counts as broken; a loaded machine is slow."""

_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_IS_COMPLETE = """
() => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.dataset.testConnectionState !== 'CONNECTED') return false;
  if (app.dataset.testScriptState !== 'notRunning') return false;
  if (document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')) return false;
  const drawn = (what, by) => [...document.querySelectorAll(what)].every(place => place.querySelector(by));
  return drawn('[data-testid="stMain"]', '[data-testid="stElementContainer"]')
    && drawn('[data-testid="stPlotlyChart"]', '.main-svg') && drawn('[data-testid="stDataFrame"]', 'canvas');
}
"""


_TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass(frozen=True)
class Server:
    """A dashboard at work."""

    address: str
    process: subprocess.Popen
    start_seconds: float
    """Until it answered."""


@contextmanager
def serving(store_url: str) -> Iterator[Server]:
    """`streamlit run dashboard/app.py -- --store URL` on a free port of this machine, until the block ends.

    Raises:
        AssertionError: it does not answer.
    """
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), "--server.port", str(port)]
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--", "--store", store_url], cwd=ROOT, stdout=log, stderr=log)
        try:
            address = f"http://{LOOPBACK}:{port}"
            if not _answers(f"{address}/_stcore/health", process):
                log.seek(0)
                raise AssertionError(f"the dashboard did not start: {log.read().decode()}")
            yield Server(address, process, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str, process: subprocess.Popen) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.05)
    return False


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium with a profile of its own, until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody who looks at a dashboard, with cookies and caches of their own. Open one with `Visitor.of`."""

    server: Server
    page: Page
    problems: list[str] = field(default_factory=list)
    """What the browser's console reported as an error."""
    addresses: set[str] = field(default_factory=set)
    """Hosts and ports that were asked for anything."""
    runs: int = 0
    """How often the page's script has come to its end."""
    received_bytes: int = 0
    """What the server has sent of the page's content."""

    @classmethod
    def of(cls, browser: Browser, server: Server, dark: bool = False, height: int = 1000) -> "Visitor":
        """A new visitor whose system prefers light or dark colours."""
        context = browser.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": 1500, "height": height}, accept_downloads=True
        )
        context.set_default_timeout(WAIT_SECONDS * 1000)
        visitor = cls(server, context.new_page())
        visitor.page.on("console", visitor._on_console)
        visitor.page.on("pageerror", lambda error: visitor.problems.append(str(error)))
        visitor.page.on("request", lambda request: visitor._on_address(request.url))
        visitor.page.on("websocket", visitor._on_websocket)
        return visitor

    def open(self, **selections: object) -> None:
        """Go to the page at these selections, and wait until all of it is drawn."""
        self.go_to(f"{self.server.address}/?{urlencode(selections)}")

    def go_to(self, url: str) -> None:
        """Go to a URL of the dashboard, and wait until all of it is drawn."""
        self.after(lambda: self.page.goto(url))

    def after(self, act: Callable[[], object]) -> None:
        """Do something that changes the page, and wait until all of it is drawn again."""
        before, deadline = self.runs, time.monotonic() + WAIT_SECONDS
        act()
        while self.runs == before:
            assert time.monotonic() < deadline, f"nothing came of it: {self.page.url}"
            self.page.wait_for_timeout(5)  # frames are received meanwhile
        self._wait_until_drawn()

    def _wait_until_drawn(self) -> None:
        """Wait until everything that was sent is drawn.

        Raises:
            AssertionError: there is an exception on the page.
        """
        self.page.wait_for_function(_IS_COMPLETE)
        self.page.evaluate(_TWO_FRAMES)  # the end of a run may have arrived and not been looked at
        self.page.wait_for_function(_IS_COMPLETE)
        exceptions = self.page.get_by_test_id("stException").all_inner_texts()
        assert not exceptions, f"{self.page.url}: {exceptions}"

    def selections(self) -> dict[str, str]:
        """What the address bar says is chosen."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def option(self, label: str, text: str) -> Locator:
        """An option of the select box with that label, ready to be clicked."""
        box = self.page.get_by_role("combobox", name=label, exact=True)
        box.click()
        box.fill(text)  # a long list shows a part of itself
        return self.page.get_by_role("option", name=text, exact=True)

    def view(self, name: str) -> Locator:
        """What switches to another view."""
        return self.page.get_by_role("radiogroup", name="View").locator("label").filter(has_text=name)

    def download(self, button: Locator) -> bytes:
        """What a download button saves."""
        with self.page.expect_download() as expected:
            button.click()
        return Path(expected.value.path()).read_bytes()

    def close(self) -> None:
        """Leave."""
        self.page.context.close()

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location})")

    def _on_websocket(self, websocket) -> None:
        self._on_address(websocket.url)
        websocket.on("framereceived", self._on_frame)

    def _on_frame(self, content: bytes) -> None:
        self.received_bytes += len(content)
        message = ForwardMsg.FromString(content)
        if message.WhichOneof("type") == "script_finished":
            self.runs += message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN  # after which another follows

    def _on_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob"):  # inside the page
            self.addresses.add(parts.netloc)
