"""A user's charts, at the data they draw."""

import pandas as pd
import pytest

from dashboard.charts import user as charts
from dashboard.sources import Source, coloured, first_runs
from dashboard.views.user_page import departure_sentence, elsewhere, overlaps, past_of, target_gap

DAY = 86400


def test_the_time_axis_has_a_mark_an_interaction_the_target_and_long_gaps():
    figure = charts.time_axis([0, DAY, 91 * DAY], ["a", "<b>", "c", "t"], 92 * DAY, 30 * DAY)
    marks = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert [str(moment)[:10] for moment in marks["history"].x] == ["1970-01-01", "1970-01-02", "1970-04-02"]
    assert list(marks["history"].text) == ["a", "&lt;b&gt;", "c"] and list(marks["target"].text) == ["t"]
    assert len([trace for trace in figure.data if trace.mode == "lines"]) == 1
    assert [note.text for note in figure.layout.annotations] == ["3 mo"]


def test_a_gap_without_room_for_words_has_none():
    figure = charts.time_axis([0, 40 * DAY, 1000 * DAY], ["a", "b", "c", "t"], 1000 * DAY, 30 * DAY)
    assert len([trace for trace in figure.data if trace.mode == "lines"]) == 2
    assert [note.text for note in figure.layout.annotations] == ["2 y 7 mo"]


def test_an_unknown_time_of_the_target_is_not_drawn():
    figure = charts.time_axis([0, 5], ["a", "b", "t"], None, DAY)
    assert [trace.name for trace in figure.data] == ["history"] and list(figure.data[0].text) == ["a", "b"]


def test_only_the_longest_gaps_are_named():
    moments = [0]
    for place in range(20):
        moments.append(moments[-1] + (place + 1) * DAY)
    found = charts.long_gaps(moments, 2 * DAY)
    assert [seconds // DAY for _, _, seconds in found] == list(range(9, 21))


def test_small_categories_are_summed_and_nothing_is_lost():
    mixture = {f"c{place}": (place + 1) / 78 for place in range(12)}
    frame = charts.category_shares({"history": mixture, "trial 1": {"c0": 1.0}})
    assert len(frame) == charts.MAX_SHOWN_CATEGORIES + 1 and frame.index[0] == "c0" and frame.index[-1] == charts.OTHER
    assert frame.sum().tolist() == pytest.approx([1.0, 1.0])


def test_a_bar_a_mixture_in_its_colour_and_the_history_hatched():
    frame = charts.category_shares({"history": {"a": 1.0}, "trial 1": {"a": 0.25, "<b>": 0.75}})
    figure = charts.category_bars(frame, {"history": charts.HISTORY, "trial 1": "#0072B2"})
    bars = {bar.name: bar for bar in figure.data}
    assert list(bars["trial 1"].x) == [25.0, 75.0] and bars["trial 1"].marker.color == "#0072B2"
    assert list(bars["history"].y) == ["a", "&lt;b&gt;"] and bars["history"].marker.pattern.shape == "/"


def test_the_matrix_tells_overlap_and_items_in_common():
    overlap, common = overlaps({"trial 1": ["a", "b"], "trial 2": ["b", "a"], "trial 3": ["x"]})
    assert common.loc["trial 1"].tolist() == [2, 2, 0]
    assert overlap.loc["trial 1"].tolist() == pytest.approx([1.0, 0.9, 0.0])
    (heat,) = charts.overlap_matrix(overlap, common).data
    assert heat.text[0][1] == "0.90<br>2 in common" and (heat.zmin, heat.zmax) == (0, 1)


def test_how_far_lists_are_from_the_history_in_words():
    words = departure_sentence({"history": {"a": 1.0}, "trial 1": {"a": 1.0}, "trial 2": {"b": 1.0}, "trial 3": {}})
    assert words.endswith("trial 1 0.00; trial 2 1.00.")
    assert "no categories" in departure_sentence({"history": {}, "trial 1": {"a": 1.0}})


def test_the_target_s_time_is_known_from_either_file_and_sealed_otherwise():
    history = {"items": ["a", "b", "c"], "timestamps": [10, 30, 90]}
    assert target_gap({"history_end": 2}, history) == 60
    assert target_gap({"history_end": 3, "last_gap_seconds": 7}, history) == 7
    assert target_gap({"history_end": 3}, history) is None
    assert past_of(history, 2) == (["a", "b"], [10, 30]) and past_of(None, 2) == ([], [])


def test_where_else_an_item_is():
    one, other = Source(3, "trial 3", "", 0.1, "#1"), Source("4.9", "trial 4, seed 9", "", None, "#2")
    found = elsewhere([(one, {"items": ["a", "b", "c"]}), (other, {"items": ["b"]})], 2)
    assert found == {"a": [("3", 1, "#1")], "b": [("3", 2, "#1"), ("4·9", 1, "#2")]}
    assert elsewhere([(one, None)], 2) == {}


def test_every_result_has_a_colour_of_its_own_and_two_finalists_come_first():
    runs = {key: Source(key, f"run {key}", "", None) for key in ("3.1", "3.2", "7.1")}
    assert first_runs(runs) == ["3.1", "7.1"] and first_runs({"3.1": 0, "3.2": 0, "3.3": 0}) == ["3.1", "3.2"]
    assert len({source.colour for source in coloured(list(runs.values()))}) == 3
    trials = coloured([Source(8, "trial 8", "", pd.NA), Source(0, "trial 0", "", 0.1)])
    assert len({source.colour for source in trials}) == 2
