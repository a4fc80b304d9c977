"""Optuna's tables, which lie beside ours in the same database."""

from optuna.storages import RDBStorage
from sqlalchemy import event


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
