"""The store: where a search writes and the dashboard reads. One SQLAlchemy URL, SQLite or PostgreSQL.

Tables are in long form, so a chart needs no decoding. One writer (the driver of a search), any number of readers.
With `schema.py` and `connection.py` it is all of the project that the dashboard imports, so they import nothing else
of it.
"""

from typing import Self

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from tuning.connection import OlderStoreError, StoreError, display_url, make_engine, reason_of
from tuning.schema import SCHEMA_VERSION, prepare, schema_version
from tuning.store.writing import Finding, Heard, Writing, now

__all__ = ["DEFAULT_URL", "LIVE_SECONDS", "Finding", "Heard", "Store", "StoreError", "display_url", "now"]

DEFAULT_URL = "sqlite:///results/athwe.db"
LIVE_SECONDS = 30.0
"""A heartbeat younger than this may belong to a driver that is still at work."""


class Store(Writing):
    """Reads and writes the tables. Open one with `Store.open`; a store is a context manager.

    Every method raises `StoreError` where the database cannot be reached.
    """

    @classmethod
    def open(cls, url: str = DEFAULT_URL, read_only: bool = False) -> Self:
        """Connect, and unless `read_only` create or migrate the tables.

        Raises:
            StoreError: not a URL, no driver for it, not reachable, or of a newer schema than this code.
        """
        try:
            store = cls(make_engine(url, read_only))
            store._prepare(read_only)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
            raise StoreError(f"cannot open the store {display_url(url)}: {reason_of(error)}") from None
        return store

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, read_only: bool) -> None:
        with self._engine.begin() as connection:
            if not read_only:
                version = prepare(connection)
            elif not sa.inspect(connection).has_table(schema_version.name):
                raise StoreError("the store has no tables yet: run a search first")
            else:
                version = connection.execute(sa.select(schema_version.c.version)).scalar_one()
        found = f"the store has schema version {version}, this code reads {SCHEMA_VERSION}"
        if version < SCHEMA_VERSION:
            raise OlderStoreError(f"{found}: `python tuning/studies.py list` takes it forward")
        if version > SCHEMA_VERSION:
            raise StoreError(f"{found}: update athwe")
