"""How a study begins, and how one goes on that was cut off while it began."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from finished_study import tiny_plan

from tuning.books.driver import Heartbeat
from tuning.books.tables import open_tables
from tuning.files.storage import Storage
from tuning.proposing.search_study import SearchStudy
from tuning.store import Store
from tuning.study.opening import Session, open_study

FIRST = [{"beta": 0.25, "moe_topk": 2}, {"beta": 0.125}, {"learning_rate": 0.001}]
"""What another study's best trials were."""


@pytest.fixture
def session(tiny_root: Path, tmp_path: Path, store: Store) -> Session:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    plan = tiny_plan(tiny_root)
    spec = plan.spec("new", 1, 0).model_copy(update={"first_params": FIRST})
    tables = open_tables(f"sqlite:///{tmp_path}/store.db")
    return Session(spec, plan, store, tables, Storage.at(str(tmp_path)), Heartbeat(store, "new"), is_resumed=False)


def resumed(session: Session) -> Session:
    """The same study as `--resume` has it: by what is stored."""
    row = session.store.study("new")
    assert row is not None
    spec = session.plan.spec("new", 1, 0).model_copy(update={"first_params": row["spec"]["first_params"]})
    return replace(session, spec=spec, is_resumed=True)


def enqueued(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.system_attrs["fixed_params"] for trial in study.get_trials(deepcopy=False)]


@pytest.mark.parametrize("enqueued_before", [0, 1, 2, 3, 4])
def test_what_is_tried_first_is_whole_after_a_kill_at_any_moment(
    session: Session, monkeypatch: pytest.MonkeyPatch, enqueued_before: int
):
    def is_killed_there(study: SearchStudy, params: dict[str, Any]) -> None:
        if len(study.get_trials(deepcopy=False)) == enqueued_before:
            raise KeyboardInterrupt
        optuna.Study.enqueue_trial(study, params)

    monkeypatch.setattr(SearchStudy, "enqueue_trial", is_killed_there)
    at_hand = session.spec.settings.space.of(session.spec.config)
    if enqueued_before <= len(FIRST):
        with pytest.raises(KeyboardInterrupt):
            open_study(session)
    else:
        open_study(session)
    monkeypatch.undo()
    for _ in range(2):
        assert enqueued(open_study(resumed(session))) == [at_hand, *FIRST]
    row = session.store.study("new")
    assert row is not None and row["spec"]["first_params"] == FIRST, "a resume has forgotten them"


def test_asking_for_fewer_trials_than_are_finished_takes_none_away(session: Session):
    study = open_study(session)
    for _ in range(2):
        study.tell(study.ask(session.spec.settings.space.distributions()), 0.5)
    going_on = resumed(session)
    settings = going_on.spec.settings.model_copy(update={"trials": 1})
    open_study(replace(going_on, spec=going_on.spec.model_copy(update={"settings": settings})))
    row = session.store.study("new")
    assert row is not None and row["trials_asked"] == row["spec"]["settings"]["trials"] == 2
