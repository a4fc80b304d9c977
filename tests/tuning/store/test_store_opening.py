"""Who may open a store, to read or to write, on SQLite and on PostgreSQL alike."""

import threading

import pytest
import sqlalchemy as sa
from older_store import make_version_1
from store_rows import STUDY, trial

from tuning import schema
from tuning.store import Store, StoreError


def test_a_read_only_store_reads_and_cannot_write(store, url):
    store.create_study(STUDY)
    with Store.open(url, read_only=True) as reader:
        assert reader.study("demo-1")["dataset"] == "demo"
        with pytest.raises(StoreError, match="(?i)read-?only"):
            reader.update_study("demo-1", dataset="other")


def test_a_reader_sees_what_the_writer_adds_while_both_are_open(store, url):
    with Store.open(url, read_only=True) as reader:
        assert reader.studies().empty
        store.create_study(STUDY)
        assert len(reader.studies()) == 1


def test_one_reader_serves_several_threads(store, url):
    store.create_study(STUDY)
    found = []
    with Store.open(url, read_only=True) as reader:
        threads = [threading.Thread(target=lambda: found.append(len(reader.studies()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [1] * 8


def test_opening_again_keeps_what_is_there(store, url):
    store.create_study(STUDY)
    with Store.open(url) as again:
        assert len(again.studies()) == 1


def test_a_store_of_another_schema_is_refused(store, url):
    store._run(sa.update(schema.schema_version).values(version=99))
    for read_only in (True, False):
        with pytest.raises(StoreError, match="schema version 99, this code reads 3: update athwe"):
            Store.open(url, read_only)


def test_an_older_store_is_taken_forward_by_a_writer_and_refused_by_a_reader(store, url):
    store.create_study(STUDY)
    store.save_trial(trial(0, state=schema.COMPLETE, value=0.5))
    store.save_trial(trial(1, state=schema.FAIL))
    make_version_1(store)
    with pytest.raises(StoreError, match="schema version 1, this code reads 3: `python tuning/studies.py list`"):
        Store.open(url, read_only=True)
    with Store.open(url) as forward:
        assert forward.study("demo-1")["driver"] is None
        assert forward.objectives("demo-1") == {"valid/ndcg@10": "maximize"}
        assert forward.values("demo-1")[["number", "name", "value"]].values.tolist() == [[0, "valid/ndcg@10", 0.5]]
        assert forward.trials("demo-1")["pruned_epoch"].isna().all()
        assert forward.findings("demo-1", "ties").empty and forward.user_ranks(["demo-1.0"]).empty
    Store.open(url, read_only=True).close()


def test_a_reader_never_creates_a_store(tmp_path):
    with pytest.raises(StoreError, match="there is no store at .*run a search first"):
        Store.open(f"sqlite:///{tmp_path}/athwe.db", read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_database_without_our_tables_is_told_apart(postgres_url):
    engine = sa.create_engine(postgres_url)
    schema.tables.drop_all(engine)
    engine.dispose()
    with pytest.raises(StoreError, match="no tables yet: run a search first"):
        Store.open(postgres_url, read_only=True)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "athwe.db").write_text("user_id:token\titem_id:token\n" * 100)
    for read_only in (True, False):
        with pytest.raises(StoreError, match="not a database"):
            Store.open(f"sqlite:///{tmp_path}/athwe.db", read_only)


@pytest.mark.parametrize(
    "url",
    [
        "results/athwe.db",
        "postgresql+psycopg://u@h:x/db",
        "mysql://localhost/athwe",
        "postgresql+nodriver://localhost/athwe",
        "sqlite:////proc/no/a",
    ],
)
def test_a_url_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert "\n" not in str(caught.value)


def test_an_unreachable_server_is_one_line_without_the_password():
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql+psycopg://someone:secret@127.0.0.1:1/athwe")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_path_with_characters_that_mean_something_in_a_url_works(tmp_path):
    url = f"sqlite:///{tmp_path}/50 % of #1/athwe.db"
    with Store.open(url) as writer:
        writer.create_study(STUDY)
    with Store.open(url, read_only=True) as reader:
        assert len(reader.studies()) == 1
