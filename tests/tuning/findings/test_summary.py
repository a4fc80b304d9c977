import json
import shlex

import optuna
import pytest
import stored_search
from optuna.distributions import FloatDistribution
from rich.console import Console
from stored_search import make_spec, rising
from tiny_search import run

from tuning.books.journal import Journal
from tuning.books.record import TrialRecord
from tuning.connection import display_url
from tuning.finalize import parse as finalize_flags
from tuning.findings.summary import (
    FANOVA,
    PED_ANOVA,
    failures,
    json_line,
    next_commands,
    print_findings,
    print_pareto,
    print_summary,
)
from tuning.findings.summary import save_importances as save
from tuning.schema import COMPLETE, FAIL, PRUNED
from tuning.search import parse as search_flags
from tuning.store import DEFAULT_URL, Store
from tuning.training.endings import Ending

RECORDS = [
    TrialRecord(0, {"beta": 0.2}, COMPLETE, best_value=0.1, best_epoch=2),
    TrialRecord(1, {"beta": 0.5}, COMPLETE, best_value=0.3, best_epoch=1),
    TrialRecord(2, {"beta": 0.6}, PRUNED, best_value=0.9, best_epoch=1),
    TrialRecord(3, {"beta": 0.7}, FAIL, "diverged", error="loss is nan"),
]


def test_the_json_line_is_one_line_that_says_it_all():
    text = json_line({"study": "s"}, RECORDS, True, 1.26, ended=True)
    assert "\n" not in text
    assert json.loads(text) == {
        "study": "s",
        "best_trial": 1,
        "value": 0.3,
        "best_epoch": 1,
        "params": {"beta": 0.5},
        "counts": {"WAITING": 0, "RUNNING": 0, "COMPLETE": 2, "PRUNED": 1, "FAIL": 1},
        "reasons": {"diverged": 1},
        "seconds": 1.3,
        "ended": True,
    }


def test_the_json_line_of_a_search_without_a_complete_trial_has_no_best():
    assert json.loads(json_line({}, RECORDS[3:], True, 1.0, ended=True))["value"] is None


def test_failures_are_counted_by_reason():
    assert failures(RECORDS) == "1 diverged: loss is nan"


def test_the_summary_says_what_changed_against_trial_0(capsys):
    print_summary(Console(width=120), RECORDS, "valid/ndcg@10", maximize=True)
    text = capsys.readouterr().out
    assert "2 COMPLETE, 1 FAIL (diverged), 1 PRUNED" in text
    assert "beta 0.5" in text and "the configuration at hand" in text


def test_the_best_trial_says_all_that_it_changed_and_the_others_what_matters_most(capsys):
    names = [f"p{index}" for index in range(8)]
    records = [
        TrialRecord(0, dict.fromkeys(names, 0.0), COMPLETE, best_value=0.1),
        TrialRecord(1, dict.fromkeys(names, 1.0), COMPLETE, best_value=0.2),
        TrialRecord(2, dict.fromkeys(names, 2.0), COMPLETE, best_value=0.3),
    ]
    print_summary(Console(width=160), records, "valid/ndcg@10", maximize=True, importance=["p5", "p2"])
    text = capsys.readouterr().out
    assert "p5 2, p2 2, p0 2, p1 2, p3 2, p4 2, p6 2, p7 2" in text
    assert "p5 1, p2 1, p0 1, p1 1, 4 more" in text


def test_the_pareto_set_is_a_table_of_every_objective(capsys):
    points = {3: {"valid/ndcg@10": 0.25, "parameters": 12345.0}, 1: {"valid/ndcg@10": 0.125, "parameters": 99.0}}
    print_pareto(Console(width=100), points, {"valid/ndcg@10": "maximize", "parameters": "minimize"})
    lines = capsys.readouterr().out.splitlines()
    table = [line.strip("┃│ ").replace("┃", "│") for line in lines if line.startswith(("┃", "│"))]
    assert [[cell.strip() for cell in line.split("│")] for line in table] == [
        ["trial", "valid/ndcg@10 ↑", "parameters ↓"],
        ["3", "0.2500", "12,345"],
        ["1", "0.1250", "99"],
    ]


def test_a_long_pareto_set_is_cut_and_says_so(capsys):
    points = {number: {"a": float(number), "b": float(number)} for number in range(25)}
    print_pareto(Console(width=100), points, {"a": "maximize", "b": "minimize"})
    assert capsys.readouterr().out.endswith("and 5 more: --json names them all\n")


def test_one_objective_has_no_pareto_set(capsys):
    print_pareto(Console(), {}, {"valid/ndcg@10": "maximize"})
    assert capsys.readouterr().out == ""


def test_the_audit_is_told_where_there_was_a_pruner(store: Store, capsys):
    stored_search.search(store, make_spec(pruner={"audit_share": 1}), [rising(0.9), rising(0.45)])
    assert print_findings(Console(width=20), store, make_spec()) == {}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pruner: gave up 1 trial, 1 of them finished all the same: none ended better")
    assert lines[1].endswith("epoch 1 too few to say (2 trials), epoch 3 too few to say (2 trials)")
    print_findings(Console(), store, make_spec(pruner={"name": "none"}))
    assert capsys.readouterr().out == ""


def test_json_names_the_pareto_set_of_several_objectives(store: Store):
    spec = make_spec(pruner={"name": "none"}, also_minimize=["parameters"])
    stored_search.search(store, spec, [rising(9.0), rising(4.5)])  # the second has more parameters, too
    found = print_findings(Console(quiet=True), store, spec)
    assert found == {"pareto": [{"trial": 0, "values": {"valid/ndcg@10": 9.0, "parameters": 100.0}}]}


def test_the_next_commands_name_the_store_where_it_is_not_the_default():
    ended = {"is_stopped": False, "is_chosen_from": True}
    assert next_commands(DEFAULT_URL, "s", **ended) == [
        "streamlit run dashboard/app.py",
        "python tuning/finalize.py --study s",
    ]
    assert next_commands("sqlite:///my other.db", "s", **ended) == [
        "streamlit run dashboard/app.py -- --store 'sqlite:///my other.db'",
        "python tuning/finalize.py --study s --store 'sqlite:///my other.db'",
    ]


def test_a_search_that_was_stopped_is_resumed_and_not_finalized():
    assert next_commands(DEFAULT_URL, "s", is_stopped=True, is_chosen_from=False) == [
        "python tuning/search.py --resume --study s",
        "streamlit run dashboard/app.py",
    ]


def test_the_commands_are_read_as_they_are_printed():
    url = "sqlite:////a b/$HOME's.db"
    *_, finalize = next_commands(url, "s", is_stopped=True, is_chosen_from=True)
    arguments = finalize_flags(shlex.split(finalize)[2:])
    assert (arguments.store, arguments.study) == (url, "s")
    resume = search_flags(shlex.split(next_commands(url, "s", is_stopped=True, is_chosen_from=True)[0])[2:])
    assert (resume.store, resume.study, resume.resume) == (url, "s", True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:geheim@db:5433/athwe?sslmode=require",
        "postgresql+psycopg://me@db:5433/athwe?sslmode=require&password=geheim",
        "postgresql+psycopg://me@db:5433/athwe?sslmode=require&sslpassword=geheim",
    ],
)
def test_a_password_is_neither_shown_nor_printed_as_stars_that_do_not_work(url: str):
    first, *commands = next_commands(url, "s", is_stopped=True, is_chosen_from=True)
    assert first.startswith("#") and "PGPASSWORD or ~/.pgpass" in first
    assert len(commands) == 3
    for command in commands:
        assert "'postgresql+psycopg://me@db:5433/athwe?sslmode=require'" in command
        assert "geheim" not in command and "*" not in command
    assert "geheim" not in display_url(url) and "***" in display_url(url)


def test_importance_is_stored_under_the_name_of_each_evaluator(journal: Journal, study: optuna.Study, store: Store):
    for index in range(6):
        study.enqueue_trial({"beta": index / 6})
        journal.ended(run(journal, study, index / 6), Ending(COMPLETE))
    save(store, study, seed=0)
    stored = store.importances("s")
    assert set(stored["evaluator"]) == {FANOVA, PED_ANOVA}
    assert set(stored["parameter"]) == {"beta"}


def test_too_few_trials_have_no_importance(journal: Journal, study: optuna.Study, store: Store):
    study.ask({"beta": FloatDistribution(0, 1)})
    save(store, study, seed=0)
    assert store.importances("s").empty
