from pathlib import Path

import pytest
import sqlalchemy as sa
from optuna.exceptions import StorageInternalError

from tuning.books.tables import one_line_errors, open_tables
from tuning.connection import StoreError
from tuning.store import Store


def test_optuna_does_not_wait_for_the_disk_at_every_parameter(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(url):  # sets the mode of the file, as a search does
        tables = open_tables(url)
    with tables.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 1  # NORMAL
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert tables.get_all_studies() == []


def test_a_database_that_optuna_cannot_reach_is_told_in_one_line():
    with (
        pytest.raises(StoreError, match="the store sqlite:///a.db failed: the disk is gone"),
        one_line_errors("sqlite:///a.db"),
    ):
        raise StorageInternalError("of Optuna's own words") from OSError("the disk is gone")
