"""The store keeps what a search writes, on SQLite and on PostgreSQL alike."""

import os
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer

from tuning import schema
from tuning.store import Finding, Store, StoreError, now

STUDY = {
    "study_name": "demo-1",
    "dataset": "demo",
    "objective": "valid/ndcg@10",
    "direction": "maximize",
    "mask_seen": False,
    "spec_json": '{"trials": 4}',
    "trials_asked": 4,
    "data_fingerprint": "abc",
    "storage_path": "/nowhere",
}


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


def trial(number: int, **values) -> dict:
    first = {"trial_id": f"demo-1.{number}", "study_name": "demo-1", "number": number, "params_json": '{"beta": 0.2}'}
    return first | {"state": schema.RUNNING} | values


def test_a_study_comes_back_with_its_spec_decoded(store):
    store.create_study(STUDY)
    found = store.study("demo-1")
    assert found["spec"] == {"trials": 4}
    assert found["mask_seen"] is False
    assert abs(now() - found["created_at"]) < timedelta(minutes=1)
    assert store.study("another") is None


def test_a_second_study_of_the_same_name_is_refused(store):
    store.create_study(STUDY)
    with pytest.raises(StoreError, match="'demo-1' exists already"):
        store.create_study(STUDY)


def test_update_study_changes_only_the_columns_given(store):
    store.create_study(STUDY)
    store.update_study("demo-1", ended_at=now())
    assert store.study("demo-1")["ended_at"] is not None
    assert store.study("demo-1")["dataset"] == "demo"


def test_an_empty_store_gives_empty_tables_with_their_columns(store):
    assert store.studies().empty
    assert {"study_name", "best_value", *schema.STATES} <= set(store.studies())
    assert {"trial_id", "params"} <= set(store.trials("demo-1"))
    assert list(store.metrics([])) == ["trial_id", "epoch", "split", "name", "value"]
    assert store.importances("demo-1").empty
    assert store.test_evaluations("demo-1").empty


def test_studies_counts_what_was_proposed_and_could_not_be_trained(store):
    store.create_study(STUDY)
    assert store.studies()["invalid"].tolist() == [0]
    for number, reason in enumerate((schema.INVALID, schema.DIVERGED, schema.INVALID)):
        store.save_trial(trial(number, state=schema.FAIL, reason=reason))
    found = store.studies().iloc[0]
    assert (found[schema.FAIL], found["invalid"]) == (3, 2)


def test_studies_counts_states_as_integers_and_puts_the_newest_first(store):
    store.create_study(STUDY)
    store.save_trial(trial(0, state=schema.COMPLETE))
    store.save_trial(trial(1, state=schema.PRUNED))
    store.save_trial(trial(2, state=schema.PRUNED))
    store.create_study(STUDY | {"study_name": "demo-2"})
    frame = store.studies()
    assert frame["study_name"].tolist() == ["demo-2", "demo-1"]
    assert frame["PRUNED"].tolist() == [0, 2]
    assert all(frame[state].dtype.kind == "i" for state in schema.STATES)
    assert "spec_json" not in frame


@pytest.mark.parametrize(("direction", "best"), [("maximize", 0.3), ("minimize", 0.1)])
def test_best_value_follows_the_direction_and_knows_complete_trials_only(store, direction, best):
    store.create_study(STUDY | {"direction": direction})
    store.save_trial(trial(0, state=schema.COMPLETE, value=0.1))
    store.save_trial(trial(1, state=schema.COMPLETE, value=0.3))
    store.save_trial(trial(2, state=schema.PRUNED, value=0.0))
    store.save_trial(trial(3, state=schema.PRUNED, value=0.9))
    assert store.studies()["best_value"].tolist() == [best]


def test_save_trial_keeps_the_columns_it_is_not_given(store):
    store.create_study(STUDY)
    store.save_trial(trial(0))
    store.save_trial({"trial_id": "demo-1.0", "state": schema.COMPLETE, "value": 0.25, "best_epoch": 3})
    row = store.trials("demo-1").iloc[0]
    assert (row["state"], row["value"], row["best_epoch"]) == (schema.COMPLETE, 0.25, 3)
    assert row["params"] == {"beta": 0.2}


def test_trials_come_in_the_order_of_their_numbers(store):
    store.create_study(STUDY)
    for number in (2, 0, 10, 1):
        store.save_trial(trial(number))
    assert store.trials("demo-1")["number"].tolist() == [0, 1, 2, 10]


def test_a_repeated_epoch_replaces_the_metrics_of_the_first_time(store):
    store.create_study(STUDY)
    store.save_trial(trial(0))
    store.save_metrics("demo-1.0", 1, {"valid/ndcg@10": 0.1, "train/loss_total": 5.0})
    store.save_metrics("demo-1.0", 1, {"valid/ndcg@10": 0.2})
    frame = store.metrics(["demo-1.0"])
    assert frame.set_index(["split", "name"])["value"].to_dict() == {
        ("valid", "ndcg@10"): 0.2,
        ("train", "loss_total"): 5.0,
    }


def test_a_continued_trial_comes_with_all_epochs_of_the_earlier_one(store):
    store.create_study(STUDY)
    store.save_trial(trial(0))
    for epoch, value in ((1, 0.1), (2, 0.2)):
        store.save_metrics("demo-1.0", epoch, {"valid/ndcg@10": value, "train/seconds": 1.0})
    for _ in range(2):  # a second time where the answer to the first was lost
        store.save_continued_trial(trial(1, retry_of=0), "demo-1.0")
    rest = ["epoch", "split", "name", "value"]
    earlier, later = (store.metrics([name])[rest].sort_values(rest[:3]) for name in ("demo-1.0", "demo-1.1"))
    assert later.to_dict("list") == earlier.to_dict("list")
    assert store.trials("demo-1")["retry_of"].tolist()[1] == 0


def test_metrics_are_filtered_by_trial_split_and_name(store):
    store.create_study(STUDY)
    for number in (0, 1):
        store.save_trial(trial(number))
        store.save_metrics(f"demo-1.{number}", 1, {"valid/ndcg@10": 0.1, "valid/mrr@10": 0.2, "train/seconds": 1})
    assert set(store.metrics(["demo-1.1"])["trial_id"]) == {"demo-1.1"}
    assert set(store.metrics(["demo-1.0"], split="valid")["name"]) == {"ndcg@10", "mrr@10"}
    assert len(store.metrics(["demo-1.0", "demo-1.1"], names=["ndcg@10"])) == 2


def test_what_is_no_metric_is_left_out(store):
    store.create_study(STUDY)
    store.save_trial(trial(0))
    values = {"epoch": 1.0, "train/loss_total": float("nan"), "train/loss_cluster": float("inf"), "train/seconds": 2}
    store.save_metrics("demo-1.0", 1, values)
    assert sorted(store.metrics(["demo-1.0"])["name"]) == ["loss_cluster", "seconds"]


def test_metrics_of_an_unknown_trial_are_refused(store):
    with pytest.raises(StoreError, match="(?i)foreign key"):
        store.save_metrics("no-trial", 1, {"valid/ndcg@10": 0.1})


def test_importances_of_one_evaluator_are_replaced_and_come_largest_first(store):
    store.create_study(STUDY)
    store.save_importance("demo-1", "fanova", {"beta": 0.9, "moe_topk": 0.1})
    store.save_importance("demo-1", "ped_anova", {"beta": 1.0})
    store.save_importance("demo-1", "fanova", {"beta": 0.2, "moe_topk": 0.8})
    frame = store.importances("demo-1")
    fanova = frame[frame["evaluator"] == "fanova"]
    assert fanova["parameter"].tolist() == ["moe_topk", "beta"]
    assert len(frame) == 3


def test_the_ledger_of_test_evaluations_only_grows(store):
    store.create_study(STUDY)
    look = {"study_name": "demo-1", "evaluated_by": "someone", "seed": 1, "mask_seen": False, "metrics_json": "{}"}
    store.save_test_evaluation(look)
    store.save_test_evaluation(look | {"seed": 2})
    assert store.test_evaluations("demo-1")["seed"].tolist() == [1, 2]


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
    with store._begin() as connection:
        for table in (schema.objective, schema.trial_value, schema.pruner_audit, schema.finding, schema.user_ranks):
            table.drop(connection)
        connection.execute(sa.text("ALTER TABLE study DROP COLUMN driver"))
        connection.execute(sa.text("ALTER TABLE trial DROP COLUMN pruned_epoch"))
        connection.execute(sa.update(schema.schema_version).values(version=1))
    with pytest.raises(StoreError, match="schema version 1, this code reads 3: `python tuning/studies.py list`"):
        Store.open(url, read_only=True)
    with Store.open(url) as forward:
        assert forward.study("demo-1")["driver"] is None
        assert forward.objectives("demo-1") == {"valid/ndcg@10": "maximize"}
        assert forward.values("demo-1")[["number", "name", "value"]].values.tolist() == [[0, "valid/ndcg@10", 0.5]]
        assert forward.trials("demo-1")["pruned_epoch"].isna().all()
        assert forward.findings("demo-1", "ties").empty and forward.user_ranks(["demo-1.0"]).empty
    Store.open(url, read_only=True).close()


def test_a_study_is_claimed_by_who_has_heard_the_last_of_its_driver(store):
    store.create_study(STUDY)
    free = store.heartbeat("demo-1")
    assert free == (None, None) and store.claim_study("demo-1", "first", free)
    assert not store.claim_study("demo-1", "second", free), "of two that found it free one has it"
    heard = store.heartbeat("demo-1")
    assert store.beat("demo-1", "first") and not store.beat("demo-1", "second")
    assert not store.claim_study("demo-1", "second", heard), "it has beaten since"
    assert store.claim_study("demo-1", "second", store.heartbeat("demo-1"))
    assert not store.beat("demo-1", "first")


def test_objectives_and_values_of_trials_are_kept(store):
    store.create_study(STUDY, also_minimize=["train_seconds"])
    assert list(store.objectives("demo-1").items()) == [("valid/ndcg@10", "maximize"), ("train_seconds", "minimize")]
    store.save_trial(trial(0, state=schema.COMPLETE))
    store.save_values("demo-1.0", {"valid/ndcg@10": 0.25, "train_seconds": 9.0})
    store.save_values("demo-1.0", {"valid/ndcg@10": 0.5})
    found = store.values("demo-1").set_index("name")["value"].to_dict()
    assert found == {"valid/ndcg@10": 0.5, "train_seconds": 9.0}


def test_the_pruners_audit_is_replaced_as_a_whole(store):
    store.create_study(STUDY)
    store.save_pruner_audit("demo-1", {("regret", 0): 0.1, ("rank_correlation", 3): 0.5})
    store.save_pruner_audit("demo-1", {("regret", 0): 0.0})
    assert store.pruner_audit("demo-1").values.tolist() == [["regret", 0, 0.0]]


def test_findings_of_a_topic_are_replaced_as_a_whole_in_their_order(store):
    store.create_study(STUDY)
    other = [Finding("no text", "", "difference", -0.25)]
    store.save_findings("demo-1", "ablation", other)
    store.save_findings("demo-1", "ties", [Finding("demo-1.9", "", "p", 0.5)])
    found = [
        Finding("demo-1.1", "", "p", 0.25),
        Finding("demo-1.0", "", "p", 1.0),
        Finding("demo-1.0", "", "sd", float("nan")),
    ]
    store.save_findings("demo-1", "ties", found)
    assert [tuple(row) for row in store.findings("demo-1", "ties").values] == found[:2], "NaN is nothing that is known"
    assert [tuple(row) for row in store.findings("demo-1", "ablation").values] == other


def test_ranks_of_users_go_with_a_trial_that_goes_on(store):
    store.create_study(STUDY)
    store.save_trial(trial(0))
    for epoch, ranks in ((1, b"old"), (1, b"new"), (2, b"\x00\xff")):
        store.save_user_ranks("demo-1.0", epoch, ranks)
    store.save_continued_trial(trial(1), "demo-1.0")
    found = store.user_ranks(["demo-1.0", "demo-1.1"])
    assert found.values.tolist() == [[f"demo-1.{n}", *row] for n in (0, 1) for row in ([1, b"new"], [2, b"\x00\xff"])]


def test_a_study_goes_from_every_table_and_others_stay(store):
    for name in ("demo-1", "demo-2"):
        store.create_study(STUDY | {"study_name": name})
        store.save_trial(trial(0) | {"trial_id": f"{name}.0", "study_name": name})
        store.save_metrics(f"{name}.0", 1, {"valid/ndcg@10": 0.1, "train/seconds": 1})
        store.save_values(f"{name}.0", {"valid/ndcg@10": 0.1})
        store.save_importance(name, "fanova", {"beta": 0.9})
        store.save_pruner_audit(name, {("regret", 0): 0.1})
        store.save_findings(name, "ties", [Finding(f"{name}.0", "", "p", 0.5)])
        store.save_user_ranks(f"{name}.0", 1, b"ranks")
        look = {"study_name": name, "evaluated_by": "someone", "seed": 1, "mask_seen": False, "metrics_json": "{}"}
        store.save_test_evaluation(look)
    counts = store.row_counts("demo-1")
    assert counts == dict.fromkeys(schema.tables.tables.keys() - {"schema_version"}, 1) | {"metric": 2}
    store.delete_study("demo-1")
    assert set(store.row_counts("demo-1").values()) == {0}
    assert store.row_counts("demo-2") == counts


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
