"""Optuna's tables, which lie beside ours in the same database."""

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from tuning.connection import StoreError, display_url, reason_of


def open_tables(url: str) -> RDBStorage:
    """Connect to Optuna's tables, and make them where there are none.

    Optuna commits every parameter of a proposal by itself. SQLite would wait for the disk each time; as in the store
    it does so at checkpoints of its log only, which a crash of the machine, not of a process, may set back.
    """
    tables = RDBStorage(url)
    if tables.engine.dialect.name == "sqlite":

        @event.listens_for(tables.engine, "connect")
        def _set_pragmas(connection, _record) -> None:
            connection.execute("PRAGMA synchronous=NORMAL")

        tables.engine.dispose()  # connections that were made without it
    return tables


@contextmanager
def one_line_errors(url: str) -> Iterator[None]:
    """Within, a database that Optuna cannot reach is told like one that we cannot reach.

    Raises:
        StoreError: what the database said.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StoreError(f"the store {display_url(url)} failed: {reason_of(error.__cause__ or error)}") from error
