"""The dashboard on PostgreSQL: it reads, and could not write."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import data
from tuning.store import Store

sys.path.append(str(Path(__file__).resolve().parents[1] / "tuning"))

from postgres_server import PostgresServer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = PostgresServer()
    server.start()
    try:
        Store.open(server.url).close()  # makes the tables
        yield server.url
    finally:
        server.stop()
        server.remove()


def test_its_transactions_are_read_only(url):
    store = data.open_store.__wrapped__(url)
    assert store.studies().empty
    for statement in ("DELETE FROM trial", "CREATE TABLE more (name TEXT)", "UPDATE study SET dataset = ''"):
        with pytest.raises(Exception, match="read-only transaction"), store._begin() as connection:
            connection.exec_driver_sql(statement)
    store.close()


def test_the_page_opens_on_it(url, open_page):
    assert "no studies yet" in open_page(url).info[0].value
