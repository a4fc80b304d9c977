"""What the Compare view says and draws, at its data: fronts, kinds of axes, surfaces, verdicts, differences."""

import numpy as np
import pandas as pd
import pytest

from dashboard import pareto, space
from dashboard.charts import contour, history, slices
from dashboard.views.compare_difference import parameters_table
from dashboard.views.compare_pruner import SAFE, UNKNOWN, UNSAFE, audited_table, racing_rule, rung_table, verdict
from tuning.findings.pareto import pareto_set

BOTH = {"ndcg": "maximize", "seconds": "minimize"}
SPEC = {
    "settings": {
        "space": {
            "temperature": {"type": "float", "low": 0.5, "high": 1.0, "log": True},
            "time_span": {"type": "int", "low": 1, "high": 500, "log": False},
            "hidden_size": {"type": "categorical", "choices": [32, 64]},
        }
    }
}
TRIALS = pd.DataFrame(
    {
        "number": range(6),
        "state": ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "COMPLETE", "RUNNING"],
        "reason": [None, None, None, "cancelled", None, None],
        "value": [0.4, 0.5, 0.9, np.nan, 0.6, 0.1],
        "pruned_epoch": [np.nan, 2, 2, np.nan, np.nan, 3],
        "retry_of": [np.nan, np.nan, np.nan, np.nan, 3, np.nan],
    }
)


def points(*rows: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(BOTH))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0.5, 9.0), (0.4, 1.0), (0.3, 5.0)], [0, 1]),  # the last is worse in both
        ([(0.5, 9.0), (0.5, 8.0), (0.4, 8.0)], [1]),  # ties in one objective
        ([(0.5, 9.0), (0.5, 9.0)], [0, 1]),  # duplicates stand beside each other
        ([(0.5, 9.0)], [0]),
        ([], []),
    ],
)
def test_the_front_follows_the_directions(rows, expected):
    assert pareto.front(points(*rows), BOTH) == expected


def test_the_front_turns_with_the_direction():
    rows = points((0.5, 9.0), (0.4, 1.0), (0.3, 10.0))
    assert pareto.front(rows, {"ndcg": "minimize", "seconds": "maximize"}) == [2]
    assert pareto.front(rows, {"ndcg": "maximize", "seconds": "maximize"}) == [0, 2]


@pytest.mark.parametrize("seed", range(4))
def test_the_front_is_the_searchs_own(seed):
    values = np.random.default_rng(seed).integers(0, 6, size=(80, 3))  # coarse, so that there are ties
    frame = pd.DataFrame(values.astype(float), columns=["a", "b", "c"])
    directions = {"a": "maximize", "b": "minimize", "c": "minimize"}
    of_search = pareto_set({int(number): dict(row) for number, row in frame.iterrows()}, directions)  # type: ignore[call-overload]
    assert pareto.front(frame, directions) == of_search


def test_only_complete_trials_with_every_objective_are_points():
    rows = [(0, "COMPLETE", "ndcg"), (0, "COMPLETE", "seconds"), (1, "PRUNED", "ndcg"), (1, "PRUNED", "seconds")]
    values = pd.DataFrame([*rows, (2, "COMPLETE", "ndcg")], columns=["number", "state", "name"]).assign(value=1.0)
    assert pareto.points(values, BOTH).index.tolist() == [0]
    assert list(pareto.points(values, BOTH)) == list(BOTH)


def test_the_space_of_the_study_says_how_an_axis_is_drawn():
    frame = pd.DataFrame({"temperature": [0.5, 0.9], "time_span": [1, 500], "hidden_size": [32, 64]})
    assert space.kinds(SPEC, frame) == {"temperature": "log", "time_span": "linear", "hidden_size": "words"}


def test_without_a_space_the_values_say_it():
    frame = pd.DataFrame({"temperature": [0.5, 0.9], "time_span": [1, 500], "method": ["a", "b"]})
    for spec in ({}, {"settings": None}, {"settings": {"space": {}}}):
        assert space.kinds(spec, frame) == {"temperature": "linear", "time_span": "log", "method": "words"}


def test_a_value_at_zero_has_no_place_on_a_logarithmic_axis():
    assert space.kinds(SPEC, pd.DataFrame({"temperature": [0.0, 0.9]})) == {"temperature": "linear"}


def test_all_panels_together_have_a_bounded_number_of_dots_and_each_has_some():
    assert [slices.most_trials(parameters) for parameters in (1, 6, 12)] == [1200, 200, 150]


def test_slices_have_a_panel_a_parameter_and_crosses_for_pruned_trials():
    frame = pd.DataFrame({"temperature": np.linspace(0.5, 1, 6), "hidden_size": [32, 64, 32, 64, 128, 64]})
    figure = slices.slices(frame, TRIALS, space.kinds(SPEC, frame), "ndcg@10")
    assert len(figure.data) == 2
    assert list(figure.data[0].marker.color) == [0, 1, 2, 4, 5]  # trials with a value, by number
    assert list(figure.data[0].marker.symbol) == ["circle", "circle", "x", "circle", "circle"]
    assert list(figure.data[1].x) == ["32", "64", "32", "128", "64"]
    assert (figure.layout.xaxis.type, figure.layout.xaxis2.type) == ("log", "category")
    assert list(figure.layout.xaxis2.categoryarray) == ["32", "64", "128"]  # by size, not by letters


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.5, 30, [0.5, 1, 2, 5, 10, 20]), (1e-4, 1e2, [10.0**n for n in range(-4, 3)]), (0.51, 0.99, [0.51, 0.99])],
)
def test_a_logarithmic_axis_has_few_ticks(low, high, expected):
    assert slices.log_ticks(low, high) == pytest.approx(expected)


def parameter(values, kind="linear") -> contour.Parameter:
    return contour.Parameter("p", pd.Series(values), kind)


def test_a_surface_of_equal_values_is_flat_and_blank_where_no_trial_is_near():
    along = np.concatenate([np.linspace(0, 0.1, 20), [1.0]])
    found = contour.surface(parameter(along), parameter(along), pd.Series([0.3] * 21))
    assert np.nanmin(found) == pytest.approx(0.3) and np.nanmax(found) == pytest.approx(0.3)
    assert not np.isnan(found[0, 0]) and not np.isnan(found[-1, -1])
    assert np.isnan(found[-1, 0]) and np.isnan(found[0, -1])


def test_a_surface_rises_with_the_values():
    along = np.linspace(1e-4, 1e-2, 400)
    across = np.tile([0.2, 0.4, 0.6, 0.8], 100)
    found = contour.surface(parameter(along, "log"), parameter(across), pd.Series(np.log10(along)))
    row = found[24][~np.isnan(found[24])]
    assert (np.diff(row) > 0).all()


def test_one_word_says_nothing_of_another():
    numbers = np.linspace(0, 1, 20)
    words = ["a", "b"] * 10
    values = pd.Series([1.0 if word == "a" else 2.0 for word in words])
    found = contour.surface(parameter(words, "words"), parameter(numbers), values)
    assert np.allclose(found[:, 0], 1.0) and np.allclose(found[:, 1], 2.0)


def test_at_few_different_places_there_is_no_surface():
    same = parameter([0.1, 0.2] * 20)
    assert contour.surface(same, same, pd.Series(range(40))) is None


def test_a_contour_of_few_trials_is_their_dots():
    frame = pd.DataFrame({"temperature": np.linspace(0.5, 1, 6), "time_span": [1, 2, 3, 4, 5, 6]})
    figure, has_surface = contour.contour(frame, TRIALS, space.kinds(SPEC, frame), "ndcg@10", "maximize")
    assert not has_surface
    assert [trace.type for trace in figure.data] == ["scatter"]
    assert list(figure.data[0].marker.symbol) == ["circle", "circle", "x", "circle", "circle"]


def test_a_contour_never_shares_a_colour_axis_with_its_dots():
    """Plotly.js hangs on it."""
    count = 30
    frame = pd.DataFrame({"temperature": np.linspace(0.5, 1, count), "time_span": range(count)})
    trials = pd.DataFrame({"number": range(count), "state": "COMPLETE", "value": np.linspace(0, 1, count)})
    figure, has_surface = contour.contour(frame, trials, space.kinds(SPEC, frame), "ndcg@10", "maximize")
    assert has_surface
    assert [trace.type for trace in figure.data] == ["contour", "scatter"]
    assert figure.data[0].coloraxis is None and figure.data[1].marker.coloraxis is None
    assert (figure.data[0].zmin, figure.data[0].zmax) == (figure.data[1].marker.cmin, figure.data[1].marker.cmax)


def test_the_history_tells_audited_and_retried_trials_from_others():
    kinds = history.endings(TRIALS).tolist()
    assert kinds == ["COMPLETE", history.AUDITED, "PRUNED", history.RETRIED, "COMPLETE", "RUNNING"]
    traces = {trace.name: trace for trace in history.optimisation_history(TRIALS, "maximize", "ndcg@10").data}
    assert list(traces[history.RETRIED].text) == ["fail: cancelled, trial 4 goes on"]
    assert traces[history.RETRIED].yaxis == "y2"


def test_many_trials_are_drawn_by_webgl_and_few_are_not():
    many = pd.concat([TRIALS.assign(number=TRIALS["number"] + 6 * turn) for turn in range(1500)], ignore_index=True)
    kinds = {trace.type for trace in history.optimisation_history(many, "maximize", "").data if trace.mode == "markers"}
    assert kinds == {"scattergl"}
    assert {trace.type for trace in history.optimisation_history(TRIALS, "maximize", "").data} == {"scatter"}


@pytest.mark.parametrize(
    ("whole", "verdicts", "kind", "words"),
    [
        ({"audited": 0}, 0, UNKNOWN, "gave up no trial"),
        ({"audited": 0}, 7, UNKNOWN, "none of them finished"),
        ({"audited": 5}, 7, UNKNOWN, "nothing to compare"),
        ({"audited": 2, "audited_better": 0, "regret": 0}, 7, UNKNOWN, "so few say little"),
        ({"audited": 3, "audited_better": 0, "regret": 0}, 7, SAFE, "regret 0"),
        ({"audited": 1, "audited_better": 1, "regret": 0.02}, 7, UNSAFE, "by up to 0.02000 ndcg@10"),
    ],
)
def test_the_verdict_on_early_stopping(whole, verdicts, kind, words):
    found, sentence = verdict(whole, verdicts, "ndcg@10")
    assert found == kind
    assert words in sentence


def test_rungs_say_what_their_rank_correlation_means():
    rows = [("audited", 0, 2), ("trials", 2, 20), ("rank_correlation", 2, 0.9), ("trials", 6, 4),
            ("rank_correlation", 6, 0.3), ("trials", 18, 2), ("trials", 54, 5)]  # fmt: skip
    found = rung_table(pd.DataFrame(rows, columns=["name", "epoch", "value"]))
    assert found["epoch"].tolist() == [2, 6, 18, 54]
    assert found["meaning"].tolist() == [
        "foretells the end well",
        "foretells it hardly; few trials",
        "too few trials to say",
        "all values are the same",
    ]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_audited_trials_are_held_against_the_best_that_was_kept(direction):
    found = audited_table(TRIALS, "value", direction).set_index("trial")
    assert found.index.tolist() == [1, 5]  # the pruned one was not audited
    assert found.loc[1, "better by"] == pytest.approx(-0.1)  # 0.5; kept are 0.4 and 0.6
    assert found.loc[1, "outcome"] == "the verdict was right"
    assert found.loc[5, "outcome"] == "still running"


def test_an_audited_trial_that_ended_better_was_given_up_wrongly():
    better = TRIALS.assign(value=TRIALS["value"].mask(TRIALS["number"] == 1, 0.7))
    found = audited_table(better, "value", "maximize").set_index("trial")
    assert found.loc[1, "better by"] == pytest.approx(0.7 - 0.6)
    assert found.loc[1, "outcome"].startswith("the verdict was wrong")


def test_a_difference_shows_what_differs_and_nothing_else():
    one = {"number": 3, "params": {"beta": 0.2, "moe_topk": 2, "method": "a", "same": 1}}
    other = {"number": 5, "params": {"beta": 0.5, "moe_topk": 2, "method": "b", "same": 1, "new": True}}
    found = parameters_table(one, other)
    assert list(found) == ["parameter", "trial 3", "trial 5", "second / first"]
    assert found.to_numpy().tolist() == [
        ["beta", "0.2", "0.5", "× 2.5"],
        ["method", "a", "b", ""],
        ["new", "–", "True", ""],
    ]


def test_a_race_is_explained_and_another_pruner_is_not():
    pruner = {"name": "racing", "alpha": 0.1, "race_users": 2000, "grace_epochs": None}
    spec = {"settings": {"pruner": pruner}, "config": {"epochs": 20}}
    said = racing_rule(spec, "NDCG@10")
    assert said is not None and "after every epoch from 4 on" in said and "at most 0.1 in" in said
    assert racing_rule({"settings": {"pruner": {"name": "asha"}}}, "NDCG@10") is None
