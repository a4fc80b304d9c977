"""The section on ties: tables from the store's findings, a chart, and a command where there is nothing."""

import pandas as pd
import pytest
from fixture_store import FINISHED, RUNNING, SILENT

from dashboard import commands
from dashboard.charts import ties as charts
from dashboard.ties import SEEDS, study_facts, ties_table, told
from tuning.findings import ties as findings
from tuning.store import DEFAULT_URL

TRIALS = pd.DataFrame({"trial_id": ["s.0", "s.1", "s.2"], "number": [0, 1, 2]})
BEST = {"mean": 0.5, "difference": 0.0, "low": 0.0, "high": 0.0, "p_adjusted": 1.0, "tied": 1.0}
NEAR = {"mean": 0.4, "difference": -0.1, "low": -0.3, "high": 0.05, "p_adjusted": 0.2, "tied": 1.0}
FAR = {"mean": 0.1, "difference": -0.4, "low": -0.5, "high": -0.2, "p_adjusted": 0.01, "tied": 0.0}


def found(*each: tuple[str, str, dict[str, float]]) -> pd.DataFrame:
    rows = [(subject, part, name, value) for subject, part, values in each for name, value in values.items()]
    return pd.DataFrame(rows, columns=["subject", "part", "name", "value"])


FOUND = found(
    ("", "", {"alpha": 0.05, "users": 60, "complete": 3, "optimism": 0.02}),
    ("s.2", "", BEST | {"seeds": 1}), ("s.0", "", NEAR | {"seeds": 1}), ("s.1", "", FAR | {"seeds": 1}),
    ("s.0", "seeds", BEST | {"seeds": 2, "sd": 0.01}), ("s.2", "seeds", FAR | {"seeds": 1}),
)  # fmt: skip


def test_the_parts_have_the_names_that_the_search_gives_them():
    assert SEEDS == findings.SEEDS


def test_a_row_a_trial_the_best_one_first():
    frame = ties_table(FOUND, TRIALS)
    assert frame["trial"].tolist() == [2, 0, 1] and frame["tied"].tolist() == [True, True, False]
    assert frame["difference"].tolist() == [0.0, -0.1, -0.4] and frame["sd"].isna().all()
    seeds = ties_table(FOUND, TRIALS, SEEDS)
    assert seeds[["trial", "seeds"]].values.tolist() == [[0, 2], [2, 1]] and seeds["sd"].tolist()[0] == 0.01
    assert study_facts(FOUND)["optimism"] == 0.02


def test_a_trial_that_is_gone_has_no_row_and_nothing_found_is_no_row():
    assert ties_table(FOUND, TRIALS[:2])["trial"].tolist() == [0, 1]
    assert ties_table(FOUND[:0], TRIALS).empty and study_facts(FOUND[:0]) == {}
    assert ties_table(FOUND[FOUND["part"] == ""], TRIALS, SEEDS).empty


def test_in_words_one_several_or_none():
    frame = ties_table(FOUND, TRIALS)
    assert told(frame) == "1 of 3 trials cannot be told from the best, trial 2: trial 0."
    assert told(frame.assign(tied=True)) == "2 of 3 trials cannot be told from the best, trial 2: trials 0, 1."
    assert told(frame.assign(tied=[True, False, False])) == "Every other one of 3 trials is worse than trial 2."


def test_the_chart_has_a_dot_and_an_interval_a_trial_by_what_is_told_of_it():
    figure = charts.differences(ties_table(FOUND, TRIALS), "ndcg@10", 0.95)
    dots = {trace.name: trace for trace in figure.data}
    assert {name: list(trace.y) for name, trace in dots.items()} == {
        charts.BEST: ["trial 2"], charts.TIED: ["trial 0"], charts.APART: ["trial 1"],
    }  # fmt: skip
    tied = dots[charts.TIED]
    assert list(tied.x) == [-0.1] and list(tied.error_x.array) == pytest.approx([0.15])
    assert list(tied.error_x.arrayminus) == pytest.approx([0.2])
    assert list(figure.layout.yaxis.categoryarray) == ["trial 1", "trial 0", "trial 2"], "from below"
    assert "95 % interval" in figure.layout.xaxis.title.text


def test_a_command_names_the_store_unless_it_is_the_usual_one_and_hides_its_password():
    assert commands.of_study("ties.py", DEFAULT_URL, "a b") == "python tuning/ties.py --study 'a b'"
    url = "postgresql+psycopg://me:secret@db/athwe"
    shown = commands.of_study("ties.py", url, "s", "--replicate-ties", "3")
    assert "--store postgresql+psycopg://me@db/athwe" in shown and shown.endswith("--replicate-ties 3")


def test_the_section_tells_by_own_runs_and_by_further_seeds(open_page):
    app = open_page(view="evaluation", aspect="ties", study=FINISHED)
    own, seeds = [each.value for each in app.dataframe if "tied" in each.value]
    assert "ndcg@10 · valid · seen items kept" in own and "seeds" not in own
    assert own["tied"].iloc[0] and own["to the best"].iloc[0] == 0 and (own["to the best"].diff()[1:] <= 0).all()
    assert seeds["tied"].tolist() == [True, True, False] and (seeds["seeds"] == 3).all()
    text = "\n".join(each.value for each in [*app.markdown, *app.caption, *app.info]).replace("\\", "")
    assert "On further seeds: 1 of 3 trials cannot be told from the best" in text
    assert "Picking the best of" in text and "0.00210" in text and "60 users" in text
    assert "1 trial has come to its end since this was found out" in text


def test_without_findings_there_is_the_command(open_page):
    app = open_page(view="evaluation", aspect="ties", study=RUNNING)
    assert any(block.value.startswith(f"python tuning/ties.py --study {RUNNING} --store sqlite") for block in app.code)


def test_before_further_seeds_there_is_the_command_for_them(open_page):
    app = open_page(view="evaluation", aspect="ties", study=SILENT)
    assert any(block.value.endswith("--replicate-ties 3") for block in app.code)
