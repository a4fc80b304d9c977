"""HTTP and nothing else: no file, no FTP, and no redirect to them."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from athwe.errors import DataError

TIMEOUT_SECONDS = 60.0
USER_AGENT = "athwe-prepare/1 (recommender research)"
TRANSIENT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, socket.timeout)
"""What may be over when it is tried again; of status codes see `is_transient`."""


class NotHttpError(DataError):
    """A URL, given or redirected to, that is not http or https."""


class _OnlyToHttp(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        require_http(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_url(url: str, headers: dict[str, str] | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> Any:
    """Begin a GET; the answer is a context manager to read from.

    Raises:
        NotHttpError: the URL or what it redirects to is not http or https.
        OSError, HTTPException: as urllib does.
    """
    require_http(url)
    opener = urllib.request.OpenerDirector()  # not build_opener: that one reads files and FTP, too
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        _OnlyToHttp(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **(headers or {})})
    return opener.open(request, timeout=timeout_seconds)


def require_http(url: str) -> None:
    """Refuse other schemes.

    Raises:
        NotHttpError: no http or https URL with a host.
    """
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_http = False
    if not is_http or any(letter <= " " or letter == "\x7f" for letter in url):
        raise NotHttpError(f"{ascii(url)[:100]} is no http or https URL")


def is_transient(error: Exception) -> bool:
    """Whether another try may help: broken connections, and servers that are busy; not a file that is not there."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (408, 425, 429) or error.code >= 500
    return isinstance(error, TRANSIENT)
