"""The one way to the database that reading and writing share."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from tuning.connection import INSERT, Transaction


class Tables:
    """An engine, and a transaction at a time. Every method raises `StoreError` where the database cannot be reached."""

    def __init__(self, engine: sa.Engine):
        self._engine = engine

    def _begin(self):
        return Transaction(self._engine)

    def _run(self, statement: sa.Executable) -> None:
        with self._begin() as connection:
            connection.execute(statement)

    def _frame(self, query: sa.Select) -> pd.DataFrame:
        with self._begin() as connection:
            return pd.read_sql(query, connection)

    def _upsert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        rows = list(rows)
        if not rows:
            return
        insert = INSERT[self._engine.dialect.name](table)
        keys = [column.name for column in table.primary_key]
        changed = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        with self._begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)
