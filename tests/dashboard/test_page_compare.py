"""The Compare view's sections on the page."""

import json

import pytest
import several_objectives
from fixture_store import EMPTY, FINISHED, RUNNING, SILENT
from several_objectives import OBJECTIVE, STUDY

from dashboard.charts import contour, history
from dashboard.charts import slices as panels
from dashboard.labels import metric_label
from dashboard.pareto import front, points
from dashboard.views import compare_trials
from tuning.store import Store

LABEL = metric_label(OBJECTIVE, False)
SECTIONS = ("overview", "curves", "parameters", "slices", "contour", "pruner", "difference")


def texts(app) -> str:
    kinds = (app.info, app.warning, app.success, app.caption)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


@pytest.fixture(scope="module")
def costs_url(tmp_path_factory):
    return several_objectives.build(tmp_path_factory.mktemp("costs"))


@pytest.fixture
def open_costs(open_page, costs_url):
    return lambda **chosen: open_page(costs_url, view="compare", study=STUDY, **chosen)


@pytest.mark.parametrize("study", [FINISHED, RUNNING, SILENT, EMPTY])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_opens_on_every_study(open_page, section, study):
    app = open_page(view="compare", study=study, section=section)
    if study != EMPTY:
        assert app.segmented_control(key="section").value == section


def test_the_chosen_section_is_in_the_url_and_the_only_one_computed(open_costs):
    app = open_costs()
    assert app.segmented_control(key="section").value == "overview"
    app = app.segmented_control(key="section").set_value("slices").run()
    assert app.query_params["section"] == "slices"
    assert len(app.get("plotly_chart")) == 1 and not app.dataframe


def test_one_objective_has_no_pareto_section(open_page, open_costs):
    app = open_page(view="compare", study=FINISHED, section="pareto")
    assert not any("Pareto" in option for option in app.segmented_control(key="section").options)
    assert any("Pareto" in option for option in open_costs().segmented_control(key="section").options)


def test_the_trials_table_has_costs_reasons_and_retries(open_costs):
    frame = open_costs().dataframe[0].value.set_index("trial")
    assert {"seconds of training", "model parameters", "learning_rate", "error"} <= set(frame)
    assert frame.loc[5, "reason"] == "diverged"
    assert frame.loc[8, "goes on with"] == 7
    assert frame.loc[2, "given up at"] == 3


def test_the_front_is_a_table_of_its_trials(open_costs, costs_url):
    app = open_costs(section="pareto")
    frame = app.dataframe[0].value
    with Store.open(costs_url, read_only=True) as store:
        directions = store.objectives(STUDY)
        expected = front(points(store.values(STUDY), directions), directions)
    assert frame["trial"].tolist() == expected
    assert {LABEL, "seconds of training", "model parameters", "learning_rate"} <= set(frame)


def test_the_axes_of_the_front_are_chosen_and_never_the_same(open_costs):
    app = open_costs(section="pareto", pareto_x="parameters")
    assert app.selectbox(key="pareto_x").value == "parameters"
    assert "model parameters" not in app.selectbox(key="pareto_y").options
    app = app.selectbox(key="pareto_y").set_value("train_seconds").run()
    assert app.query_params["pareto_y"] == "train_seconds"
    axes = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    assert axes["xaxis"]["title"]["text"] == "model parameters"
    assert axes["yaxis"]["title"]["text"] == "seconds of training"


def test_two_objectives_have_no_colour(open_page, tmp_path):
    url = several_objectives.build(tmp_path, objectives=2)
    app = open_page(url, view="compare", study=STUDY, section="pareto")
    assert "coloraxis" not in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]


def test_the_pruners_audit_says_what_it_means(open_costs):
    app = open_costs(section="pruner")
    assert app.success[0].value.startswith("**Early stopping was safe.**")
    assert app.dataframe[0].value["meaning"].tolist() == ["foretells it roughly", "too few trials to say"]
    audited = app.dataframe[1].value
    assert len(audited) > 3 and set(audited["outcome"]) == {"the verdict was right"}


def test_a_study_without_an_audit_says_when_there_is_one(open_page):
    app = open_page(view="compare", study=FINISHED, section="pruner")
    assert "A search computes it when it ends" in texts(app)
    assert "No trial was audited" in texts(app)


def test_two_trials_are_chosen_by_the_url(open_costs):
    app = open_costs(section="difference", one="3", other="5")
    outcome, parameters = (table.value for table in app.dataframe)
    assert list(outcome)[1:3] == list(parameters)[1:3] == ["trial 3", "trial 5"]
    assert outcome.set_index("outcome").loc["state"].tolist()[:2] == ["COMPLETE", "FAIL: diverged"]
    assert outcome.set_index("outcome").loc["model parameters", "trial 3"] != "–"
    app = next(button for button in app.button if button.label == "Their curves").click().run()
    assert app.multiselect(key="trials").value == [3, 5]


def test_a_retry_has_the_parameters_of_the_trial_it_goes_on_with(open_costs):
    app = open_costs(section="difference", one="7", other="8")
    assert len(app.dataframe) == 1
    assert "The two have the same parameters" in texts(app)


def test_a_contour_of_few_trials_says_that_it_is_dots(open_page, open_costs):
    assert "only the trials are shown" in texts(open_page(view="compare", study=SILENT, section="contour"))
    app = open_costs(section="contour", contour_x="hidden_size", contour_y="cluster_method")
    assert "only the trials are shown" in texts(app)  # six places
    assert "Surface:" in texts(open_costs(section="contour"))


def test_clearing_the_slices_says_what_to_do(open_costs):
    app = open_costs(section="slices").multiselect(key="slices").set_value([]).run()
    assert "No parameter is chosen" in texts(app)


def kinds_of_traces(app) -> set[str]:
    return {trace["type"] for chart in app.get("plotly_chart") for trace in json.loads(chart.proto.spec)["data"]}


def test_dragging_to_filter_is_asked_for_and_stays_in_the_url(open_costs):
    app = open_costs(section="parameters")
    assert "parcoords" not in kinds_of_traces(app)
    app = app.toggle(key="drag").set_value(True).run()
    assert app.query_params["drag"] == "on" or app.query_params["drag"] == ["on"]
    assert "parcoords" in kinds_of_traces(app)
    assert "parcoords" in kinds_of_traces(open_costs(section="parameters", drag="on"))
    assert "drag" not in app.toggle(key="drag").set_value(False).run().query_params


@pytest.mark.parametrize("section", ["slices", "contour", "overview"])
def test_a_sample_of_trials_is_shown_until_all_are_asked_for(open_costs, monkeypatch, section):
    for chart, name in ((panels, "MAX_DOTS"), (panels, "FEWEST_TRIALS"), (contour, "MAX_DOTS"), (history, "MAX_MARKS")):
        monkeypatch.setattr(chart, name, 3)
    sampled = open_costs(section=section)
    assert "3 of " in texts(sampled) and "even sample" in texts(sampled)
    everything = sampled.toggle(key="all").set_value(True).run()
    assert "even sample" not in texts(everything)
    assert "even sample" not in texts(open_costs(section=section, all="on"))


def test_the_table_has_the_first_parameters_until_all_are_asked_for(open_costs, monkeypatch):
    monkeypatch.setattr(compare_trials, "FIRST_PARAMETERS", 1)
    app = open_costs()
    few = app.dataframe[0].value
    assert "1 of " in texts(app) and "the CSV has all" in texts(app)
    every = app.toggle(key="columns").set_value(True).run().dataframe[0].value
    assert set(few) < set(every) and "error" in few
    assert set(open_costs(columns="on").dataframe[0].value) == set(every)


def test_a_trial_leads_to_its_difference_from_another(open_page):
    app = open_page(view="trial", study=FINISHED, trial="1")
    app = next(button for button in app.button if button.label == "Compare with another").click().run()
    assert app.segmented_control(key="section").value == "difference"
    assert app.selectbox(key="one").value == 1 and app.selectbox(key="other").value != 1
