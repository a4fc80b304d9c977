import os

import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer

from tuning import schema
from tuning.store import Store


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """A PostgreSQL database: the one ATHWE_TEST_POSTGRES names, or a server of our own on a socket."""
    if url := os.environ.get("ATHWE_TEST_POSTGRES"):
        yield url
        return
    server = PostgresServer()
    server.start()
    yield server.url
    server.stop()
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder that is new/athwe.db"
    address = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(address)
    schema.tables.drop_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def store(url):
    with Store.open(url) as opened:
        yield opened
