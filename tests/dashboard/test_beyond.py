"""Measures beyond accuracy: as they were written, with what they say, and nothing where a file is of old."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fixture_store import FINISHED, SILENT

from dashboard.beyond import MEASURES, measures_table, points, sentence
from dashboard.charts.beyond import against_accuracy
from dashboard.users import differences

FOUND = {
    7: {"cutoff": 10, "measures": {"gini@10": 0.8, "coverage@10": 0.5, "diversity_txt@10": None}},
    2: {"cutoff": 10, "measures": {"coverage@10": 0.6, "gini@10": 0.7, "of a newer version@10": 1.0}},
}


def test_the_table_has_a_row_a_measure_and_a_column_a_trial_in_the_order_they_were_chosen():
    frame = measures_table(points(FOUND), 10)
    assert list(frame) == ["measure", "trial 7", "trial 2", "better", "what it says"]
    assert frame["measure"].tolist() == ["catalogue coverage @10", "Gini @10", "diversity, text @10"]
    assert frame["trial 7"].tolist()[:2] == [0.5, 0.8] and frame["trial 2"].tolist()[:2] == [0.6, 0.7]
    assert frame[["trial 7", "trial 2"]].iloc[2].isna().all()
    assert frame["better"].tolist() == ["higher", "lower", "higher"]


def test_the_chart_has_a_mark_a_trial_in_its_colour():
    rows = pd.DataFrame({"trial": [7, 2], "value": [0.5, 0.6], "accuracy": [0.04, 0.05]})
    figure = against_accuracy(rows, "coverage", "ndcg@10", {7: "#111111", 2: "#222222"})
    assert [(mark.x[0], mark.y[0], mark.text[0], mark.marker.color) for mark in figure.data] == [
        (0.5, 0.04, "7", "#111111"), (0.6, 0.05, "2", "#222222"),
    ]  # fmt: skip


def test_a_list_is_told_of_in_a_sentence_as_far_as_it_was_measured():
    assert sentence({"user": "u", "novelty": 3.456, "diversity_txt": None}, 10) == "Its first 10: novelty, bits 3.46."
    assert sentence({"user": "u", "target_rank": 3}, 10) == ""


def test_users_without_a_value_are_in_no_difference():
    one = pa.table({"user": ["a", "b", "c"], "target_rank": [1, 2, 3], "novelty": [1.0, None, 2.0]})
    other = pa.table({"user": ["c", "b", "a"], "target_rank": [9, 8, 7], "novelty": [2.5, 1.0, 0.5]})
    found = differences(one, other, "novelty")
    assert found.users.column("user").to_pylist() == ["a", "c"] and found.gain.tolist() == [-0.5, 0.5]
    assert [ranks.tolist() for ranks in found.ranks] == [[1, 3], [7, 9]]
    empty = one.set_column(2, "novelty", pa.nulls(3))
    assert len(differences(empty, other, "novelty").gain) == 0


def test_the_view_shows_every_measure_with_split_and_mode(open_page):
    app = open_page(view="evaluation", aspect="beyond", study=FINISHED, trials="3,0", beyond="gini")
    frame = next(table.value for table in app.dataframe if "measure" in table.value)
    assert frame["measure"].tolist() == [f"{one.title} @10" for one in MEASURES.values()]
    assert frame["trial 3"].iloc[:2].tolist() == [0.6, 0.7] and np.isnan(frame["trial 3"].iloc[-1])
    assert app.selectbox(key="beyond").value == "gini"
    assert any(
        "every user's list, validation split, seen items kept" in text.value.replace("\\", "") for text in app.caption
    )


def test_results_of_an_older_version_have_no_measures_and_no_choice_of_them(open_page):
    app = open_page(view="evaluation", aspect="beyond", study=SILENT)
    assert any("no measures beyond accuracy" in info.value for info in app.info)
    app = open_page(view="users", study=SILENT)
    assert not any("Its first" in text.value for text in app.caption)


@pytest.mark.parametrize("by", ["novelty", "popularity_lift"])
def test_who_gained_can_go_by_what_lists_are_like(open_page, by):
    app = open_page(view="users", study=FINISHED, lists="0,3", by=by)
    assert app.selectbox(key="by").value == by
    texts = [text.value.replace("\\", "") for text in app.caption]
    assert any(f"{MEASURES[by].title} · valid · seen items kept" in text for text in texts)
    assert sum("Its first 10: novelty" in text for text in texts) == 2
