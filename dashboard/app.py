"""The dashboard: `streamlit run dashboard/app.py [-- --store URL]`."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:  # Streamlit puts this folder on the path, not the one above it
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from dashboard import preload  # noqa: E402
from dashboard.headers import Headers, safety_of_page  # noqa: E402


def warm_up() -> None:
    """Import what the first visitor would wait for, the page of studies first."""
    for name in ("studies", "compare", "trial", "evaluation", "user"):
        import_module(f"dashboard.views.{name}")
    gc.freeze()  # Streamlit collects after every change of the page, which need not go through all modules again


@asynccontextmanager
async def warm(_: st.App) -> AsyncIterator[None]:
    """The server answers meanwhile; a visitor who comes at once waits for imports as if there were none of this."""
    Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield


HEADERS = [*safety_of_page(), preload.header()]
app = st.App(Path(__file__).with_name("page.py"), lifespan=warm, middleware=[Middleware(Headers, headers=HEADERS)])
