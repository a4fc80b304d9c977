import time
from pathlib import Path

import pytest
from tiny_search import UnreliableStore

from tuning.errors import SearchError
from tuning.finals import ledger as module
from tuning.finals.finalists import Finalist, FinalRun
from tuning.finals.ledger import Ledger
from tuning.store import Store, StoreError, now

RUN = FinalRun(Finalist("s.1", 1, {}), 7)
FACTS = {"evaluated_by": "someone@here: a command", "mask_seen": False}


def test_a_look_is_written_with_who_looked_and_the_study_is_given_back(store: Store):
    with Ledger(store, "s", "here:1", FACTS) as ledger:
        held = store.study("s")
        ledger.write(RUN, {"test/ndcg@10": 0.25})
    assert held and held["driver"] == "here:1" and held["heartbeat_at"] is not None
    row = store.test_evaluations("s").to_dict("records")[0]
    assert (row["trial_id"], row["seed"], row["evaluated_by"]) == ("s.1", 7, FACTS["evaluated_by"])
    assert (bool(row["mask_seen"]), row["metrics_json"]) == (False, '{"test/ndcg@10": 0.25}')
    left = store.study("s")
    assert left and left["driver"] is None and left["heartbeat_at"] is None


def test_a_second_driver_is_refused_while_the_first_lives(store: Store, monkeypatch: pytest.MonkeyPatch):
    with Ledger(store, "s", "here:1", FACTS) as first:
        first._beat_at = -99.0
        monkeypatch.setattr(module.time, "sleep", lambda _: first.beat())
        with pytest.raises(SearchError, match="has a driver at work"), Ledger(store, "s", "here:2", FACTS):
            pass
        assert (store.study("s") or {})["driver"] == "here:1"


def test_a_dead_driver_s_study_is_taken_over_when_it_has_been_silent(store: Store, monkeypatch: pytest.MonkeyPatch):
    Ledger(store, "s", "here:1", FACTS).__enter__()
    began, slept = time.monotonic(), []

    def later(seconds: float) -> None:
        slept.append(seconds)
        monkeypatch.setattr(module.time, "monotonic", lambda: began + 31)

    monkeypatch.setattr(module.time, "sleep", later)
    with Ledger(store, "s", "here:2", FACTS):
        assert (store.study("s") or {})["driver"] == "here:2"
    assert slept


def test_a_driver_that_was_thought_dead_stops_and_leaves_the_other_alone(store: Store):
    with pytest.raises(SearchError, match="taken study 's' over"), Ledger(store, "s", "here:1", FACTS) as ledger:
        store.update_study("s", driver="here:2", heartbeat_at=now())
        ledger.beat()
    assert (store.study("s") or {})["driver"] == "here:2"


def test_a_look_waits_for_the_store_and_a_heartbeat_passes_it_over(
    store: UnreliableStore, monkeypatch: pytest.MonkeyPatch
):
    with Ledger(store, "s", "here:1", FACTS) as ledger:
        store.is_away = True
        ledger.beat()
        monkeypatch.setattr(module.time, "sleep", lambda _: setattr(store, "is_away", False))
        ledger.write(RUN, {"test/ndcg@10": 0.25})
    assert len(store.test_evaluations("s")) == 1


def test_a_store_that_stays_away_ends_it(store: UnreliableStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MOST_AWAY_SECONDS", -1.0)
    ledger = Ledger(store, "s", "here:1", FACTS)
    store.is_away = True
    with pytest.raises(StoreError, match="away"):
        ledger.write(RUN, {})


class _LosesItsAnswer(Store):
    """Writes the first look, and seems not to have."""

    lost = 0

    def save_test_evaluation(self, values) -> None:
        super().save_test_evaluation(values)
        if not self.lost:
            self.lost += 1
            raise StoreError("the connection broke after the commit")


def test_a_look_whose_answer_was_lost_is_written_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.0)
    with _LosesItsAnswer.open(f"sqlite:///{tmp_path}/store.db") as unlucky:
        Ledger(unlucky, "s", "here:1", FACTS).write(RUN, {"test/ndcg@10": 0.25})
        assert unlucky.lost == 1
    assert store.test_evaluations("s")["seed"].tolist() == [7]
