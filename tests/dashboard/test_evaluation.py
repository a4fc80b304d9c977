"""Metrics by cutoff are those of each trial's best epoch, and say their split and mode."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fixture_store import EMPTY, FINISHED, RUNNING, SILENT

from dashboard.charts import cutoffs
from dashboard.charts.by_slice import by_slice
from dashboard.slicing import TITLES
from dashboard.views.evaluation_cutoffs import at_best_epoch, cutoffs_table
from dashboard.views.evaluation_slices import is_worst, members_of, slice_means
from dashboard.views.trial import parameters_table

TRIALS = pd.DataFrame({"trial_id": ["s.3", "s.1"], "number": [3, 1], "best_epoch": pd.array([2, 1], dtype="Int64")})
METRICS = pd.DataFrame(
    [
        ("s.3", 1, "valid/ndcg@10", 0.1), ("s.3", 2, "valid/ndcg@10", 0.3), ("s.3", 2, "valid/ndcg@5", 0.2),
        ("s.3", 2, "valid/seconds", 9.0), ("s.3", 2, "train/loss_total", 1.0), ("s.3", 2, "valid/mrr@10", 0.25),
        ("s.1", 1, "valid/ndcg@10", 0.4), ("s.1", 1, "valid/ndcg@5", 0.35), ("s.1", 2, "valid/ndcg@10", 0.2),
    ],
    columns=["trial_id", "epoch", "key", "value"],
)  # fmt: skip


def test_only_validation_metrics_with_a_cutoff_at_the_best_epoch_count():
    found = at_best_epoch(METRICS, TRIALS)
    rows = set(found[["trial", "name", "cutoff", "value"]].itertuples(index=False, name=None))
    assert rows == {
        (3, "ndcg", 10, 0.3),
        (3, "ndcg", 5, 0.2),
        (3, "mrr", 10, 0.25),
        (1, "ndcg", 10, 0.4),
        (1, "ndcg", 5, 0.35),
    }


def test_the_table_has_a_row_a_trial_and_cutoffs_in_their_order():
    frame = cutoffs_table(at_best_epoch(METRICS, TRIALS))
    assert list(frame) == ["trial", "mrr@10", "ndcg@5", "ndcg@10"]
    assert frame["trial"].tolist() == [3, 1] and frame["ndcg@10"].tolist() == [0.3, 0.4]
    assert pd.isna(frame["mrr@10"][1])


def test_the_chart_has_a_line_a_trial_over_the_cutoffs_measured_against_the_first():
    relative = cutoffs.relative_to(at_best_epoch(METRICS, TRIALS), 3)
    figure = cutoffs.by_cutoff(relative, "ndcg", "ndcg@k", {3: "#111111", 1: "#222222"})
    lines = {line.name: (list(line.x), list(line.y), line.line.color) for line in figure.data}
    assert lines["trial 3"] == (["5", "10"], [0.0, 0.0], "#111111")
    assert lines["trial 1"][0] == ["5", "10"] and lines["trial 1"][1] == pytest.approx([75.0, 100 / 3])


def test_nothing_is_measured_against_a_missing_or_zero_value():
    values = pd.DataFrame({"trial": [0, 1], "key": ["a", "a"], "value": [0.0, 0.2]})
    assert cutoffs.relative_to(values, 0)["percent"].isna().all()
    assert cutoffs.relative_to(values, 9)["percent"].isna().all()


def test_a_slice_has_the_mean_over_its_users_and_how_many_they_are():
    users = {3: pa.table({"target_rank": [1, 3, 1, 100]}), 1: pa.table({"target_rank": [2, 1]})}
    cut = {3: {"short": np.array([1, 2, 3]), "long": np.array([0])}, 1: {"short": np.array([0, 1])}}
    found = slice_means(users, cut, "recall@10")
    assert found[["slice", "users", "trial", "mean"]].values.tolist() == [
        ["short", 3, 3, pytest.approx(2 / 3)], ["short", 2, 1, 1.0], ["long", 1, 3, 1.0],
    ]  # fmt: skip
    assert found["margin"][0] == pytest.approx(1.96 * np.std([1, 1, 0], ddof=1) / 3**0.5)
    assert found["margin"][1] == 0 and np.isnan(found["margin"][2])
    found["worst"] = is_worst(found, {3: 2, 1: 3})
    assert found["worst"].tolist() == [True, False, False]
    figure = by_slice(found, "recall@10", {3: "trial 3", 1: "trial 1"}, {3: "#111111", 1: "#222222"})
    assert {bar.name: list(bar.x) for bar in figure.data}["trial 3"] == ["short<br>3 users", "long<br>1 users"]


def test_slices_follow_the_url_and_say_where_users_are_few(open_page):
    app = open_page(
        view="evaluation", study=FINISHED, aspect="slices", trials="0,3", slice="Last time gap", by="recall@10"
    )
    frame = app.dataframe[1].value
    assert "recall@10 · valid · seen items kept" in frame and set(frame["trial"]) == {0, 3}
    assert frame.groupby("trial")["users"].sum().nunique() == 1
    assert any("too few to tell" in caption.value for caption in app.caption)


def test_the_view_shows_the_chosen_trials_with_split_and_mode(open_page):
    app = open_page(view="evaluation", study=FINISHED, trials="0,3")
    assert app.dataframe[0].value["trial"].tolist() == [0, 3]
    assert {"ndcg@5", "ndcg@50", "recall@10"} <= set(app.dataframe[0].value)
    assert any("Validation split, seen items kept" in caption.value for caption in app.caption)
    app = app.multiselect(key="trials").set_value([]).run()
    assert "No trial is chosen" in app.info[0].value


def test_only_the_chosen_section_is_computed_and_it_is_in_the_url(open_page):
    app = open_page(view="evaluation", study=FINISHED)
    assert app.segmented_control(key="aspect").value == "cutoffs"
    assert len(app.dataframe) == 1 and len(app.get("plotly_chart")) == 3
    app = app.segmented_control(key="aspect").set_value("ties").run()
    assert app.query_params["aspect"] == "ties"
    assert all("tied" in table.value for table in app.dataframe) and len(app.get("plotly_chart")) == 2
    assert not app.multiselect, "ties are of all trials"


@pytest.mark.parametrize("study", [FINISHED, RUNNING, SILENT, EMPTY])
@pytest.mark.parametrize("aspect", ["cutoffs", "slices", "beyond", "ties", "ablation"])
def test_every_section_opens_on_every_study(open_page, aspect, study):
    app = open_page(view="evaluation", study=study, aspect=aspect)
    assert study == EMPTY or app.segmented_control(key="aspect").value == aspect


def test_the_name_of_a_narrow_chart_has_two_lines_beside_its_buttons():
    relative = cutoffs.relative_to(at_best_epoch(METRICS, TRIALS), 3)
    figure = cutoffs.by_cutoff(relative, "ndcg", "ndcg@k · valid · seen items kept", {3: "#111111", 1: "#222222"})
    assert (figure.layout.title.text, figure.layout.title.subtitle.text) == ("ndcg@k", "valid · seen items kept")


def test_parameters_stand_beside_the_published_ones_and_those_of_trial_0():
    trials = pd.DataFrame({"number": [0, 1], "params": [{"beta": 0.3, "moe_topk": 6}, {"beta": 0.2, "moe_topk": 4}]})
    frame = parameters_table(trials, 1, {"beta": 0.2})
    assert frame.to_dict("list") == {
        "parameter": ["beta", "moe_topk"], "value": ["0.2", "4"], "published": ["0.2", ""], "trial 0": ["0.3", "6"],
        "differs": [False, True],
    }  # fmt: skip
    assert parameters_table(trials, 1, {})["differs"].tolist() == [True, True]
    assert parameters_table(trials, 1, {"moe_topk": 4})["differs"].tolist() == [True, False]
    same = pd.DataFrame({"number": [0, 1], "params": [{"beta": 0.3, "moe_topk": 6}] * 2})
    assert parameters_table(same, 1, {"beta": 0.2})["differs"].tolist() == [True, False], "trial 0 has no published one"
    assert list(parameters_table(trials, 0, {})) == ["parameter", "value"]


def test_a_trial_says_how_it_was_run(open_page):
    app = open_page(view="trial", study=FINISHED, trial="3")
    facts = app.dataframe[-2].value.set_index("fact")["value"]
    assert facts["training, an epoch"] == "31.00 s" and facts["epochs"] == "12"
    versions = app.dataframe[-1].value.set_index("fact")["value"]
    assert versions["git"].startswith("0123456789ab") and versions["python"] == "3.11"


def test_the_lowest_of_equal_slices_is_the_first_and_a_slice_without_enough_users_is_none():
    means = pd.DataFrame({"trial": [0, 0, 0, 1], "users": [9, 20, 20, 5], "mean": [0.0, 0.1, 0.1, 0.3]})
    assert is_worst(means, {0: 10, 1: 10}).tolist() == [False, True, False, False]


def test_trials_with_the_same_users_share_their_slices():
    one = pa.table({"user": ["a", "b"], "target_rank": [1, 2], "history_end": [3, 60]})
    other = one.set_column(1, "target_rank", pa.array([5, 6]))
    fewer = one.slice(1)
    found = members_of({0: one, 1: other, 2: fewer}, None)
    assert found[1] is found[0] and found[2] is not found[0]
    assert {label: rows.tolist() for label, rows in found[2]["length"].items()} == {"over 50": [0]}


@pytest.mark.parametrize("title", TITLES.values())
def test_every_family_is_shown_with_its_users_and_the_worst_slice_is_marked(open_page, title):
    app = open_page(view="evaluation", study=FINISHED, aspect="slices", trials="0,3", slice=title)
    label = "ndcg@10 · valid · seen items kept"
    worst, frame = (table.value for table in app.dataframe)
    assert worst["trial"].tolist() == [0, 3] and (worst["users"] >= 6).all()  # a tenth of 60 users
    assert (frame["users"] > 0).all() and frame.groupby("trial")["worst"].sum().le(1).all()
    for trial, rows in frame[frame["users"] >= 6].groupby("trial"):
        lowest = rows[label].min()
        assert rows[rows["worst"]][label].tolist() == [lowest]
        assert worst[worst["trial"] == trial][label].item() <= lowest
