"""A web server on loopback that does what servers do: ranges, redirects, cut connections, refusals."""

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, and how badly."""

    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    etag: str = '"1"'
    cut_after: list[int] = field(default_factory=list)
    """Bytes of its body after which each of the next answers ends."""
    statuses: list[int] = field(default_factory=list)
    """Status codes of the next answers."""
    redirects: dict[str, str] = field(default_factory=dict)
    has_ranges: bool = True
    has_length: bool = True
    range_shift: int = 0
    """Bytes by which a range is answered beside what was asked for."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range of every request."""


@contextmanager
def serving():
    """A site while it is served."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            site.requests.append((self.path, self.headers.get("Range")))
            if site.statuses:
                self.send_error(site.statuses.pop(0))
            elif self.path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[self.path])
                self.end_headers()
            elif self.path not in site.files:
                self.send_error(404)
            else:
                self._send(site.files[self.path])

        def _send(self, content: bytes) -> None:
            start = 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and site.has_ranges and self.headers.get("If-Range") == site.etag:
                start = int(asked[1]) + site.range_shift
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            if site.has_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", site.etag)
            self.end_headers()
            stop = start + site.cut_after.pop(0) if site.cut_after else len(content)
            self.wfile.write(content[start:stop])
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
