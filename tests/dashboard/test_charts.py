"""Charts are tested at the data they draw."""

import numpy as np
import pandas as pd
import pytest

from dashboard import sampling, space
from dashboard.charts import curves, history, model, parallel, search_space
from dashboard.labels import STATE_SYMBOLS, trial_colours

TRIALS = pd.DataFrame(
    {
        "trial_id": [f"s.{number}" for number in range(6)],
        "number": range(6),
        "state": ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "RUNNING", "COMPLETE"],
        "reason": [None, None, "diverged", None, None, None],
        "value": [0.2, 0.9, np.nan, 0.3, 0.1, 0.25],
        "best_epoch": pd.array([2, 1, None, 3, 1, 1], dtype="Int64"),
        "pruned_epoch": [np.nan, 1, np.nan, np.nan, np.nan, np.nan],
        "retry_of": [np.nan] * 6,
    }
)


def traces(figure) -> dict:
    return {trace.name: trace for trace in figure.data}


@pytest.mark.parametrize(
    ("direction", "values"), [("maximize", [0.2, 0.2, 0.2, 0.3, 0.3, 0.3]), ("minimize", [0.2] * 6)]
)
def test_best_so_far_counts_complete_trials_only_and_follows_the_direction(direction, values):
    assert history.best_so_far(TRIALS, direction)["value"].tolist() == values


def test_best_so_far_of_no_complete_trial_is_empty():
    assert history.best_so_far(TRIALS[TRIALS["state"] == "PRUNED"], "maximize").empty


def test_optimisation_history_tells_the_states_apart():
    found = traces(history.optimisation_history(TRIALS, "maximize", "ndcg@10 · valid"))
    assert list(found["COMPLETE"].x) == [0, 3, 5]
    assert list(found["PRUNED"].x) == [1]
    assert found["PRUNED"].marker.symbol == "x"
    assert list(found["FAIL, no value"].x) == [2]
    assert list(found["FAIL, no value"].text) == ["fail: diverged"]


def test_learning_curves_have_a_panel_a_metric_and_one_colour_a_trial():
    keys = ["valid/ndcg@10", "train/loss_total", "train/loss_cluster"]
    metrics = pd.DataFrame(
        [(f"s.{n}", epoch, key, n + epoch / 10) for n in (0, 1) for key in keys for epoch in (2, 1)],
        columns=["trial_id", "epoch", "key", "value"],
    )
    colours = trial_colours([0, 1])
    figure = curves.learning_curves(metrics, TRIALS.head(2), keys, colours, mask_seen=True)
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["ndcg@10 · valid · seen items removed", "loss_total · train", "loss_cluster · train"]
    lines = [trace for trace in figure.data if trace.name]
    assert len(lines) == 6
    assert {(trace.name, trace.line.color) for trace in lines} == {("trial 0", colours[0]), ("trial 1", colours[1])}
    assert list(lines[0].x) == [1, 2]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["trial 0", "trial 1"]
    assert not any(axis.automargin for axis in figure.select_xaxes()), "Plotly would draw all of it twice"


def test_learning_curves_mark_the_best_epoch_and_where_a_trial_was_pruned():
    metrics = pd.DataFrame(
        {"trial_id": ["s.1"] * 3, "epoch": [1, 2, 3], "key": ["valid/ndcg@10"] * 3, "value": [0.9, 0.5, 0.4]}
    )
    figure = curves.learning_curves(metrics, TRIALS.loc[[1]], ["valid/ndcg@10"], trial_colours([1]), False)
    marks = figure.data[1]
    assert list(zip(marks.x, marks.text, marks.marker.symbol, strict=True)) == [
        (1, "best epoch", "star"),
        (3, "pruned", STATE_SYMBOLS["PRUNED"]),
    ]


def test_a_trial_without_the_first_metric_still_has_a_legend_entry():
    metrics = pd.DataFrame({"trial_id": ["s.0", "s.1"], "epoch": [1, 1], "key": ["a/x", "a/y"], "value": [1.0, 2.0]})
    figure = curves.learning_curves(metrics, TRIALS.head(2), ["a/x", "a/y"], trial_colours([0, 1]), False)
    assert {trace.name for trace in figure.data if trace.showlegend} == {"trial 0", "trial 1"}


def test_parallel_coordinates_leave_out_what_never_varies():
    parameters = pd.DataFrame({"beta": [0.1, 0.3], "dropout": [0.5] * 2, "method": ["b", "b"]})
    kinds = space.kinds({}, parameters)
    figure = parallel.filtered_by_dragging(parameters, pd.Series([1.0, 3.0]), kinds, "ndcg@10", "maximize")
    assert [dimension.label for dimension in figure.data[0].dimensions] == ["beta", "value"]
    assert list(figure.data[0].dimensions[0]["values"]) == [0.1, 0.3]


LINES = pd.DataFrame({"lr": [1e-4, 1e-3, 1e-2], "method": ["b", "a", None], "same": [1, 1, 1]})


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_lines_are_drawn_from_the_worst_to_the_best_with_gaps(direction):
    trials = pd.DataFrame({"number": [7, 8, 9], "value": [0.2, 0.4, 0.3]})
    figure = parallel.lines(LINES, trials, {"lr": "log", "method": "words", "same": "linear"}, "ndcg@10", direction)
    assert list(figure.layout.xaxis.ticktext) == ["lr (log)", "method", "value"]
    drawn = [trace for trace in figure.data if trace.mode == "lines"]
    assert [int(trace.customdata[0][0]) for trace in drawn] == ([7, 9, 8] if direction == "maximize" else [8, 9, 7])
    heights = {int(trace.customdata[0][0]): list(trace.y) for trace in drawn}
    assert np.allclose(heights[7], [0, 1, 0, np.nan], equal_nan=True)
    assert np.allclose(heights[9], [1, np.nan, 0.5, np.nan], equal_nan=True)  # it has no method
    assert list(drawn[0].text)[:2] == (["0.0001", "b"] if direction == "maximize" else ["0.001", "a"])


def test_all_lines_of_a_colour_are_one_path():
    trials = pd.DataFrame({"number": range(400), "value": np.linspace(0, 1, 400)})
    parameters = pd.DataFrame({"beta": np.linspace(1, 2, 400)})
    figure = parallel.lines(parameters, trials, {"beta": "linear"}, "ndcg@10", "maximize")
    drawn = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(drawn) == parallel.BINS
    assert sum(int(np.isnan(np.array(trace.y)).sum()) for trace in drawn) == 400


def test_many_trials_have_few_marks_and_the_line_of_all():
    count = 3000
    trials = pd.concat([TRIALS.head(1)] * count, ignore_index=True)
    trials["number"] = range(count)
    trials["value"] = np.sqrt(np.arange(count))
    trials.loc[1::2, ["state", "value"]] = ["FAIL", np.nan]
    marked = history.marked(trials, "maximize")
    assert trials["value"][marked].notna().sum() == history.MAX_MARKS
    assert trials["value"][marked].isna().sum() == history.MAX_FAILED
    found = traces(history.optimisation_history(trials, "maximize", "ndcg@10", marked))
    assert len(found["COMPLETE"].x) == history.MAX_MARKS
    assert len(found["best so far"].x) == count // 2 + 1


def test_an_axis_of_words_has_them_as_ticks():
    axis = parallel.axis("method", pd.Series(["b", "a", None, "b"], dtype=object), "words")
    assert axis["ticktext"] == ["a", "b"]
    assert axis["values"].fillna(-1).tolist() == [1, 0, -1, 1]


def test_a_logarithmic_axis_has_its_exponents_as_places():
    axis = parallel.axis("learning_rate", pd.Series([1e-4, 1e-3, 1e-2]), "log")
    assert axis["label"] == "learning_rate (log)"
    assert np.allclose(axis["values"], [-4, -3, -2])
    assert axis["ticktext"][0] == "0.0001"


def test_few_whole_numbers_are_their_own_ticks():
    assert parallel.axis("moe_topk", pd.Series([2, 1, 2, 4]), "linear")["ticktext"] == ["1", "2", "4"]


def test_importance_names_each_evaluator_and_puts_the_largest_on_top():
    frame = pd.DataFrame(
        {"evaluator": ["fanova"] * 2 + ["ped_anova"], "parameter": ["beta", "lr", "lr"], "value": [0.1, 0.8, 0.6]}
    )
    found = traces(search_space.importance(frame, "ndcg@10"))
    assert set(found) == {"fanova", "ped_anova"}
    assert list(found["fanova"].y) == ["beta", "lr"]  # a bar chart's last row is its top


def test_expert_use_has_a_row_an_expert_and_a_column_a_time_gap():
    heat = model.expert_use({"< 1 h": [0.1, 0.9], "longer": [0.4, 0.6]}).data[0]
    assert list(heat.x) == ["< 1 h", "longer"]
    assert list(heat.y) == ["expert 1", "expert 2"]
    assert np.allclose(np.array(heat.z), [[0.1, 0.4], [0.9, 0.6]])


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_best_are_always_shown_and_the_rest_evenly(direction):
    values = pd.Series([float(place * 7 % 1000) for place in range(1000)], index=range(1000, 2000))
    places = sampling.best_and_spread(values, 201, direction)
    assert len(places) == 201 and places.is_monotonic_increasing
    rank = values[places] if direction == "minimize" else 999 - values[places]
    assert sorted(rank)[: sampling.BEST_SHOWN] == list(range(sampling.BEST_SHOWN))
    steps = np.diff(sorted(rank)[sampling.BEST_SHOWN :])
    assert max(rank) == 999 and max(steps) - min(steps) <= 1
    assert sampling.best_and_spread(values, 1000, direction).equals(values.index)
