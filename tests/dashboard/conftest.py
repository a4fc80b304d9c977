"""One store for all tests of the dashboard; each starts with empty caches."""

import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # for fixture_store, which is also a script

import fixture_store  # noqa: E402


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory):
    """Where the store, its files and its data set are. Nothing may change it."""
    folder = tmp_path_factory.mktemp("dashboard")
    fixture_store.build(folder)
    return folder


@pytest.fixture
def store_url(store_folder):
    st.cache_data.clear()
    st.cache_resource.clear()
    return f"sqlite:///{store_folder}/athwe.db"


@pytest.fixture
def open_page(store_url, monkeypatch):
    """Opens the page at these selections, and fails on any exception in it."""

    def page(url: str = store_url, **selections: str) -> AppTest:
        monkeypatch.setenv("ATHWE_STORE", url)
        monkeypatch.setattr(sys, "argv", ["app.py"])
        app = AppTest.from_file(str(ROOT / "dashboard" / "page.py"), default_timeout=60)
        app.query_params.update(selections)
        app.run()
        assert not app.exception, app.exception
        return app

    return page
