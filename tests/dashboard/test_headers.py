"""What a browser is told of the page: where it may load from, by whom it may be framed."""

import asyncio
from base64 import b64encode
from hashlib import sha256

from dashboard.headers import Headers, safety, safety_of_page


def test_scripts_run_only_from_here_or_as_the_page_has_them():
    inline = "\n  window.a = false\n"
    page = f'<script>{inline}</script><script src="./a.js"></script>'
    policy = dict(safety(page))["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    digest = b64encode(sha256(inline.encode()).digest()).decode()
    assert scripts == f"script-src 'self' 'unsafe-eval' 'sha256-{digest}'"
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'self'"} <= set(policy.split("; "))
    assert "http" not in policy and "*" not in policy


def headers_of(path: str) -> list[tuple[bytes, bytes]]:
    sent = []

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(Headers(app, [("c", "d")])({"type": "http", "path": path}, None, send))
    return sent[0]["headers"]


def test_only_the_page_has_them():
    assert headers_of("/_stcore/health") == [(b"a", b"b")]
    assert headers_of("/") == [(b"a", b"b"), (b"c", b"d")]


def test_the_page_of_this_streamlit_has_a_script_of_its_own():
    assert dict(safety_of_page())["content-security-policy"].count("'sha256-") == 1
