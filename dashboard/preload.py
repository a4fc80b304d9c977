"""Scripts that the first view needs, named to the browser with the page, before the page's own script asks for them."""

import re
from pathlib import Path

import streamlit

NEEDED = ("DataFrame", "Selectbox", "Metric", "Radio")
"""Streamlit's elements of the first view; one that a later version calls otherwise is loaded when it is drawn."""
SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
_IMPORTS = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")


def scripts(folder: Path, needed: tuple[str, ...]) -> list[str]:
    """Files of some elements and of all that they import, each once; without those that the page itself names."""
    page = (folder.parents[1] / "index.html").read_text(encoding="utf-8")
    waiting = [path.name for name in needed for path in sorted(folder.glob(f"{name}.*.js"))]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name not in found and (folder / name).is_file():
            found[name] = None
            waiting += _IMPORTS.findall((folder / name).read_text(encoding="utf-8"))
    return [name for name in found if name not in page]


def header() -> tuple[str, str]:
    """The `Link` header (RFC 8288) with these scripts."""
    links = (f"<./static/js/{name}>; rel=modulepreload" for name in scripts(SCRIPTS, NEEDED))
    return "link", ", ".join(links)
