"""The README's pictures, taken from a store.

    python tests/dashboard/take_screenshots.py [--store URL] [--folder docs/images]

Without a store the demo catalogue is searched first, which takes minutes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from browser import CHROMIUM, ROOT, Visitor, chromium, serving

_SEARCH = ("--dataset", "demo", "--trials", "16", "--study", "demo")


def main() -> int:
    """Take them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="URL of a store whose newest study has ended (default: search demo now)")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    if CHROMIUM is None:
        print("there is no Chromium here: apt-get install chromium", file=sys.stderr)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or _searched(Path(folder))
        with serving(store) as server, chromium() as browser:
            visitor = Visitor.of(browser, server)
            for name, show in _pictures(visitor).items():
                show()
                visitor.page.mouse.move(0, 0)  # no tip over a chart
                visitor.page.screenshot(path=options.folder / f"{name}.png", animations="disabled")
                print(options.folder / f"{name}.png")
    return 0


def _searched(folder: Path) -> str:
    store = f"sqlite:///{folder}/athwe.db"
    command = [sys.executable, str(ROOT / "tuning" / "search.py"), *_SEARCH, "--store", store]
    subprocess.run([*command, "--storage-path", str(folder / "demo")], cwd=ROOT, check=True)
    return store


def _pictures(visitor: Visitor) -> dict[str, Callable[[], object]]:
    """What to show for each picture, in turn, with what the page chooses by itself."""
    return {
        "studies": visitor.open,
        "compare": lambda: visitor.open(view="compare"),
        "parameters": lambda: visitor.open(view="compare", section="parameters"),
        "trial": lambda: visitor.open(view="trial"),
        "evaluation": lambda: visitor.open(view="evaluation", aspect="ties"),
        "users": lambda: visitor.open(view="users"),
        "user": lambda: visitor.page.get_by_text("History of user").evaluate("title => title.scrollIntoView()"),
    }


if __name__ == "__main__":
    sys.exit(main())
