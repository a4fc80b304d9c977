from pathlib import Path

import sqlalchemy as sa

from tuning.store import Store
from tuning.tables import open_tables


def test_optuna_does_not_wait_for_the_disk_at_every_parameter(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(url):  # sets the mode of the file, as a search does
        tables = open_tables(url)
    with tables.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 1  # NORMAL
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert tables.get_all_studies() == []
