"""Headers that go with the page: what a browser may load and do for it, and what it should load at once."""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import streamlit
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE = Path(streamlit.__file__).parent / "static" / "index.html"
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def safety(page: str) -> list[tuple[str, str]]:
    """Nothing comes from or goes to elsewhere, no script runs that came with data, and no other site frames the page.

    Streamlit writes styles as it goes and Plotly compiles what WebGL draws, hence the two exceptions.

    Args:
        page: the HTML, whose own scripts are told by their hashes.
    """
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in _SCRIPT.findall(page))
    policy = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", "'unsafe-eval'", *(f"'sha256-{each}'" for each in hashes)]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    return [
        ("content-security-policy", "; ".join(f"{name} {value}" for name, value in policy.items())),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]


def safety_of_page() -> list[tuple[str, str]]:
    """`safety` of the page that Streamlit serves."""
    return safety(_PAGE.read_text(encoding="utf-8"))


class Headers:
    """Adds headers to the page itself; everything else passes as it is."""

    def __init__(self, app: ASGIApp, headers: Iterable[tuple[str, str]]) -> None:
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"], *self.headers]}
            await send(message)

        is_page = scope["type"] == "http" and scope["path"] == "/"
        await self.app(scope, receive, with_headers if is_page else send)
