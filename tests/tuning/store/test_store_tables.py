"""The store keeps what a search writes, on SQLite and on PostgreSQL alike."""

from datetime import timedelta

import pytest
from store_rows import STUDY, trial

from tuning import schema
from tuning.store import Finding, StoreError, now


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
