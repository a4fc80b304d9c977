import json
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from stored_search import create, make_spec
from tiny_search import disk_at, run

from tuning.books.journal import Journal
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.schema import COMPLETE
from tuning.store import Finding, Store
from tuning.stored.removal import optuna_trials, own_files, remove_files, remove_rows
from tuning.training.endings import Ending


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("12345")
    return path


def results(storage: Path, trial_id: str) -> list[Path]:
    """What a trial leaves."""
    return [
        write(storage / "recommendations" / f"{trial_id}.parquet"),
        write(storage / "diagnostics" / f"{trial_id}.json"),
        write(storage / "diagnostics" / f".{trial_id}.json.tmp"),
        write(storage / "hung" / f"{trial_id}.txt"),
        write(storage / "hung" / f"{trial_id}.0a1b2c3d.txt"),
        write(storage / "finals" / f"{trial_id}.seed-2026.parquet"),
        write(storage / "finals" / f".{trial_id}.seed-2026.parquet.4711.tmp"),
        write(storage / "models" / trial_id / "model.safetensors"),
        write(storage / "finals" / f"{trial_id}.seed-2026" / "model.safetensors"),
        write(storage / "ablation" / trial_id / "without-txt.seed-2026.parquet"),
        write(storage / "replicates" / f"{trial_id}.seed-12026.parquet"),
        write(storage / "replicates" / f".{trial_id}.seed-12026.parquet.4711.tmp"),
        write(storage / "models" / f".{trial_id}.4711.tmp" / "model.safetensors"),
    ]


def a_study(store: Store, name: str, storage: Path) -> dict[str, Any]:
    create(store, make_spec(name), storage_path=str(storage))
    row = store.study(name)
    assert row is not None
    return row


def test_a_study_owns_its_results_and_what_it_shares_with_nobody(store: Store, tmp_path: Path):
    storage = tmp_path / "files"
    row = a_study(store, "a", storage)
    own = [*results(storage, "a.0"), *results(storage, "a.11")]
    own += [write(storage / "data" / "abc" / "items.parquet"), write(storage / "ray" / "a" / "run" / "state.json")]
    own += [write(storage / tool / "a" / "trial-00000" / "events") for tool in ("tensorboard", "wandb")]
    own += [write(storage / "mlflow" / "mlflow.db")]
    files = own_files(store, row)
    assert (files.is_shared, files.size()) == (False, (len(own), 5 * len(own)))
    remove_files(files)
    assert not storage.exists()


def test_what_is_not_a_studys_stays(store: Store, tmp_path: Path):
    storage = tmp_path / "files"
    row = a_study(store, "a", storage)
    results(storage, "a.0")
    others = [write(storage / name) for name in ("notes.txt", "models.zip", "reports/a.0.parquet")]
    remove_files(own_files(store, row))
    assert sorted(path for path in storage.rglob("*") if path.is_file()) == sorted(others)


@pytest.mark.parametrize("name", ["a.1", "b", "xa"])
def test_the_results_of_another_study_stay_with_their_data(store: Store, tmp_path: Path, name: str):
    storage = tmp_path / "files"
    row = a_study(store, "a", storage)
    results(storage, "a.1")
    write(storage / "tensorboard" / "a" / "trial-00001" / "events")
    theirs = [*results(storage, f"{name}.0"), write(storage / "data" / "abc" / "items.parquet")]
    theirs += [
        write(storage / "mlflow" / "mlflow.db"),
        write(storage / "tensorboard" / name / "trial-00000" / "events"),
    ]
    files = own_files(store, row)
    assert files.is_shared
    remove_files(files)
    assert sorted(path for path in storage.rglob("*") if path.is_file()) == sorted(theirs)


def test_the_data_stays_for_another_study_that_has_no_results_yet(store: Store, tmp_path: Path):
    row = a_study(store, "a", tmp_path / "files")
    a_study(store, "b", tmp_path / "files")
    data = write(tmp_path / "files" / "data" / "abc" / "items.parquet")
    remove_files(own_files(store, row))
    assert data.exists()


def test_a_link_is_removed_and_not_what_it_leads_to(store: Store, tmp_path: Path):
    storage = tmp_path / "files"
    row = a_study(store, "a", storage)
    kept = write(tmp_path / "elsewhere" / "model.safetensors")
    (storage / "models").mkdir(parents=True)
    (storage / "models" / "a.0").symlink_to(kept.parent)
    remove_files(own_files(store, row))
    assert kept.exists() and not storage.exists()


def test_a_study_without_files_owns_none(store: Store, tmp_path: Path):
    files = own_files(store, a_study(store, "a", tmp_path / "gone"))
    assert files.size() == (0, 0)
    remove_files(files)


def put(storage: Storage, trial_id: str) -> list[str]:
    """What a trial leaves in a bucket, 5 bytes a file."""
    names = [f"recommendations/{trial_id}.parquet", f"diagnostics/{trial_id}.json", f"models/{trial_id}"]
    for name in names[:2]:
        storage.write_text(name, "12345")
    storage.write(names[2], lambda path: (path.mkdir(), write(path / "model.safetensors"), write(path / "model.json")))
    return names


def test_files_in_a_bucket_go_and_those_of_another_study_stay(store: Store, tmp_path: Path, s3_bucket: str):
    storage = Storage.at(s3_bucket.format(f"{tmp_path.name}/files"))
    for name in ("a", "a.1"):
        create(store, make_spec(name), storage_path=storage.url)
    own = [name for number in (0, 11) for name in put(storage, f"a.{number}")]
    theirs = [*put(storage, "a.1.0"), "data/abc/items.parquet", "ray/a.1/run/state.json"]
    for name in (*theirs[-2:], "ray/a/run/state.json"):
        storage.write_text(name, "12345")
    files = own_files(store, store.study("a") or {})
    assert (files.is_shared, files.size()) == (True, (9, 45))
    remove_files(files)
    assert not any(storage.exists(name) for name in (*own, "ray/a"))
    assert all(storage.exists(name) for name in theirs)
    store.delete_study("a")
    last = own_files(store, store.study("a.1") or {})
    assert (last.is_shared, last.size()) == (False, (6, 30))
    remove_files(last)
    assert not storage.exists("") and Storage.at(s3_bucket.format(tmp_path.name)).names() == []


def test_a_bucket_itself_is_never_removed(s3_bucket: str):
    storage = Storage.at(s3_bucket.replace("/{}", ""))
    for name in storage.names():  # of tests before this one
        storage.delete(name)
    assert (storage.root, storage.names()) == ("bucket", [])
    storage.delete_if_empty()
    storage.write_text("a", "12345")
    assert storage.names() == ["a"], "the bucket is gone"
    storage.delete("a")


def test_a_bucket_that_cannot_be_reached_is_one_line(store: Store, s3_bucket: str):
    create(store, make_spec("a"), storage_path="s3://bucket/a?endpoint_override=http://127.0.0.1:9&scheme=http")
    with pytest.raises(SearchError, match="cannot look at the files in s3://bucket/a.*; leave out --files") as caught:
        own_files(store, store.study("a") or {})
    assert "\n" not in str(caught.value)


def rows(database: Path) -> dict[str, int]:
    """Rows by table, of ours and of Optuna's."""
    with sqlite3.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def test_no_row_of_the_study_stays_and_every_row_of_others_does(
    store: Store, study: optuna.Study, journal: Journal, tmp_path: Path
):
    database = tmp_path / "store.db"
    url = f"sqlite:///{database}"
    journal.ended(run(journal, study, 0.1, 0.2), Ending(COMPLETE))
    before = rows(database)
    a_study(store, "a", tmp_path)
    other = optuna.create_study(storage=study._storage, study_name="a", direction="maximize")
    again = Journal(store, other, ["valid/ndcg@10"], disk_at(tmp_path))
    for value in (0.1, 0.3):
        again.ended(run(again, other, value, 0.2), Ending(COMPLETE))
    store.save_values("a.0", {"valid/ndcg@10": 0.1})
    store.save_importance("a", "fANOVA", {"beta": 1.0})
    store.save_pruner_audit("a", {("audited", 0): 1.0})
    store.save_findings("a", "ties", [Finding("a.0", "", "tied", 1.0)])
    store.save_user_ranks("a.0", 1, b"ranks")
    look = {"study_name": "a", "evaluated_by": "someone", "seed": 1, "mask_seen": False}
    store.save_test_evaluation(look | {"metrics_json": json.dumps({})})
    assert optuna_trials(url, "a") == 2
    counts = store.row_counts("a")
    assert {name: counts[name] for name in ("study", "trial", "importance", "test_evaluation")} == {
        **{"study": 1, "trial": 2, "importance": 1, "test_evaluation": 1}
    }
    assert all(counts.values()), "a table was not tried"
    remove_rows(store, url, "a")
    after = rows(database)
    assert {name: count for name, count in after.items() if count != before[name]} == {}
    assert optuna_trials(url, "a") == 0


def test_a_study_whose_optuna_rows_are_gone_already_can_be_deleted(store: Store, study: optuna.Study, tmp_path: Path):
    a_study(store, "a", tmp_path)
    remove_rows(store, f"sqlite:///{tmp_path}/store.db", "a")
    assert store.study("a") is None


def test_a_deletion_that_fails_leaves_every_row(store: Store, tmp_path: Path):
    a_study(store, "a", tmp_path)
    store.save_importance("a", "fANOVA", {"beta": 1.0})
    with store._begin() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER refuse BEFORE DELETE ON study BEGIN SELECT RAISE(ABORT, 'refused'); END")
        )
    with pytest.raises(Exception, match="refused"):
        store.delete_study("a")
    assert store.row_counts("a")["importance"] == 1
