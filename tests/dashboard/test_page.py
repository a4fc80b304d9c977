"""The page itself: where it listens, what it loads, and each view on a real store."""

import os
import sqlite3
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import fixture_files
import fixture_store
import pytest
import sqlalchemy as sa
from fixture_store import EMPTY, FINISHED, RUNNING, SILENT

from tuning import schema
from tuning.store import Store, now

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("studies", "compare", "trial", "evaluation", "users")


def texts(app) -> str:
    """Every sentence on the page."""
    kinds = (app.info, app.warning, app.error, app.caption, app.markdown, app.subheader, app.title)
    return "\n".join(element.value for kind in kinds for element in kind)


def html(app) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def test_the_page_listens_on_this_machine_only_wherever_it_is_started():
    settings = tomllib.loads((ROOT / "dashboard" / ".streamlit" / "config.toml").read_text())
    assert settings["server"] == {"address": "127.0.0.1", "headless": True, "fileWatcherType": "none"}
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["runner"]["magicEnabled"] is False, "a bare text in a script would show up on the page"


def test_the_dashboard_loads_nothing_of_the_search(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import dashboard.views.studies, dashboard.views.compare, dashboard.views.trial, dashboard.views.user;"
        "found = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(found & {'torch', 'ray', 'optuna', 'athwe', 'sklearn'}),"
        "sorted({'.'.join(name.split('.')[:2]) for name in sys.modules if name.startswith('tuning.')}))"
    )
    command = [sys.executable, "-c", code, str(ROOT)]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert printed.strip() == "[] ['tuning.connection', 'tuning.schema', 'tuning.store']"


def test_the_page_runs_without_installation(store_url, tmp_path):
    """As Streamlit starts it: the script's own folder is on the path, the one above is not."""
    code = (
        "import runpy, sys; folder = sys.argv[1]; sys.path[:0] = [folder]; sys.argv[1:] = [];"
        "runpy.run_path(folder + '/app.py')['warm_up']();"
        "assert 'dashboard.views.user' in sys.modules;"
        "runpy.run_path(folder + '/page.py')"
    )
    environment = os.environ | {"ATHWE_STORE": store_url}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-I", "-c", code, str(ROOT / "dashboard")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("study", [FINISHED, RUNNING, SILENT, EMPTY])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_on_every_study(open_page, view, study):
    app = open_page(view=view, study=study)
    assert app.title[0].value == view.capitalize()
    assert app.selectbox(key="study").value == study


def test_the_list_shows_every_study_with_state_progress_and_best_value(open_page):
    app = open_page()
    frame = app.dataframe[0].value.set_index("study")
    assert set(frame.index) == {FINISHED, RUNNING, SILENT, EMPTY}
    assert frame["state"].to_dict() == {
        FINISHED: "■ ended", RUNNING: "▶ running", SILENT: "? silent", EMPTY: "▶ running",
    }  # fmt: skip
    assert (frame.loc[RUNNING, "model"], frame.loc[FINISHED, "model"]) == ("HM4SR", "ATHWE")
    assert frame.loc[FINISHED, "progress"] == 100
    assert 0.03 < frame.loc[FINISHED, "best value"] < 0.06
    assert frame.loc[SILENT, "objective"] == "ndcg@10 · valid · seen items removed"


@pytest.mark.parametrize(("study", "model"), [(RUNNING, "HM4SR"), (FINISHED, "ATHWE")])
def test_a_study_and_its_trials_name_their_model(open_page, study, model):
    assert f"{model} on kitchen" in texts(open_page(study=study))
    assert f"Model: {model} · value: ndcg@10" in texts(open_page(view="trial", study=study))


def test_a_silent_search_says_how_to_go_on(open_page):
    app = open_page(study=SILENT)
    assert any(f"--study {SILENT} --resume" in block.value for block in app.code)


def test_the_trials_table_names_the_metric_and_has_a_column_a_parameter(open_page):
    frame = open_page(view="compare", study=FINISHED, columns="on").dataframe[0].value
    assert len(frame) == 28
    assert {"trial", "state", "reason", "ndcg@10 · valid · seen items kept", "best epoch", "seconds"} <= set(frame)
    assert {"learning_rate", "moe_topk", "cluster_method"} <= set(frame)
    failed = frame[frame["state"] == "FAIL"].iloc[0]
    assert failed["reason"] == "diverged"
    assert failed["error"].startswith("athwe.errors.DivergedError")


def test_compare_names_the_evaluators_of_importance(open_page):
    app = open_page(view="compare", study=FINISHED, section="parameters")
    assert len(app.get("plotly_chart")) == 2
    assert "Evaluated by fanova and ped\\_anova" in texts(app)


def test_the_filter_of_states_applies_to_the_table(open_page):
    app = open_page(view="compare", study=FINISHED, states="PRUNED")
    assert set(app.dataframe[0].value["state"]) == {"PRUNED"}
    app = app.multiselect(key="states").set_value([]).run()
    assert "No trial is in these states" in texts(app)
    assert not app.exception


def test_choosing_trials_writes_the_url_and_the_url_chooses_trials(open_page):
    app = open_page(view="compare", section="curves", study=FINISHED)
    app = app.multiselect(key="trials").set_value([0, 3]).run()
    assert app.query_params["trials"] == "0,3"
    again = open_page(view="compare", section="curves", study=FINISHED, trials="3,0,999,nonsense")
    assert again.multiselect(key="trials").value == [3, 0]


def test_clearing_a_choice_is_a_choice(open_page):
    app = open_page(view="compare", section="curves", study=FINISHED)
    app = app.multiselect(key="trials").set_value([]).run()
    assert app.multiselect(key="trials").value == []
    assert "No trial is chosen" in texts(app)


def test_an_untouched_choice_starts_with_the_best_trials(open_page):
    app = open_page(view="compare", study=FINISHED)
    values = app.dataframe[0].value.set_index("trial")
    complete = values[values["state"] == "COMPLETE"]["ndcg@10 · valid · seen items kept"]
    app = open_page(view="compare", section="curves", study=FINISHED)
    assert app.multiselect(key="trials").value == complete.nlargest(4).index.tolist()


def test_another_study_lets_go_of_the_trials_of_the_one_before(open_page):
    app = open_page(view="compare", section="curves", study=FINISHED, trials="20")
    app = app.selectbox(key="study").set_value(RUNNING).run()
    assert app.query_params["study"] == RUNNING
    assert "trials" not in app.query_params
    assert not app.exception


def test_a_link_to_what_is_not_there_says_so(open_page):
    app = open_page(view="compare", study="no-<b>such", trial="99")
    assert "which this store does not hold" in texts(app)


def test_a_failed_trial_shows_its_error_in_full(open_page):
    app = open_page(view="trial", study=FINISHED, trial="5")
    assert any(block.value.startswith("Traceback") for block in app.code)
    assert "has not written down what its model learnt" in texts(app)


def test_a_complete_trial_shows_parameters_curves_and_what_it_learnt(open_page):
    app = open_page(view="trial", study=FINISHED, trial="3")
    assert set(app.dataframe[0].value) == {"parameter", "value", "published", "trial 0", "differs"}
    assert len(app.get("plotly_chart")) == 4
    assert "1,582,867" in {metric.value for metric in app.metric}


def test_trial_leads_to_what_it_recommends(open_page):
    app = open_page(view="trial", study=FINISHED, trial="3")
    app = next(button for button in app.button if button.label == "What it recommends").click().run()
    assert app.title[0].value == "Users"
    assert app.multiselect(key="lists").value[0] == 3


def test_a_user_has_a_history_and_lists_side_by_side(open_page):
    app = open_page(view="users", study=FINISHED, lists="0,3,7", user="U0010", k="5")
    assert app.selectbox(key="user").value == "U0010"
    shown = html(app)
    assert shown.count('class="history"') == 1
    assert shown.count('class="list"') == 3
    assert len([text for text in app.markdown if text.value.startswith("Target at rank")]) == 3
    history = fixture_files.history_of("U0010")["items"]
    assert f"{len(history) - 1} items" in texts(app)


def test_a_user_is_found_by_a_part_of_the_id(open_page):
    app = open_page(view="users", study=FINISHED)
    app = app.text_input(key="find").set_value("05").run()
    assert "U0005" in app.selectbox(key="user").options
    assert "U0001" not in app.selectbox(key="user").options
    app = app.text_input(key="find").set_value("nobody").run()
    assert "has “nobody” in its id" in texts(app)
    assert not app.exception


def test_a_hostile_title_stays_text(open_page):
    shown = html(open_page(view="users", study=FINISHED, user="U0001"))
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_a_refresh_keeps_every_selection(open_page):
    chosen = {"view": "users", "study": FINISHED, "lists": "3,0", "user": "U0044", "k": "20"}
    app = open_page(**chosen).run()
    assert app.multiselect(key="lists").value == [3, 0]
    assert app.selectbox(key="user").value == "U0044"
    assert chosen.items() <= app.query_params.items()


def test_a_new_trial_appears_and_resets_nothing(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    app = open_page(url, view="compare", section="curves", study=RUNNING, trials="1,0")
    with Store.open(url) as store:
        values = {"study_name": RUNNING, "number": 9, "state": schema.COMPLETE, "value": 0.9, "params_json": "{}"}
        store.save_trial({"trial_id": f"{RUNNING}.9"} | values)
    import streamlit as st

    st.cache_data.clear()
    app.run()
    assert "trial 9" in app.multiselect(key="trials").options
    assert app.multiselect(key="trials").value == [1, 0]


def test_a_missing_store_says_what_to_do(open_page, tmp_path):
    app = open_page(f"sqlite:///{tmp_path}/none.db")
    assert "there is no store at" in app.error[0].value.replace("\\", "")
    assert "search.py" in app.code[0].value


def test_a_store_without_studies_says_what_to_do(open_page, tmp_path):
    url = f"sqlite:///{tmp_path}/athwe.db"
    Store.open(url).close()
    assert "has no studies yet" in texts(open_page(url))


def test_a_store_of_another_schema_says_what_to_do(open_page, tmp_path):
    url = f"sqlite:///{tmp_path}/athwe.db"
    with Store.open(url) as store:
        store._run(sa.update(schema.schema_version).values(version=99))
    assert "schema version 99" in open_page(url).error[0].value


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_store_says_what_takes_it_forward_and_is_left_as_it_is(open_page, tmp_path, version):
    url = f"sqlite:///{tmp_path}/athwe.db"
    with Store.open(url) as store:
        store._run(sa.update(schema.schema_version).values(version=version))
    app = open_page(url)
    assert f"schema version {version}" in app.error[0].value
    assert app.code[0].value == f"python tuning/studies.py list --store {url}"
    with sqlite3.connect(tmp_path / "athwe.db") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(version,)]


def test_a_study_whose_files_are_gone_says_where_they_should_be(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    (tmp_path / "storage").rename(tmp_path / "moved")
    app = open_page(url, view="users", study=FINISHED)
    assert "No trial of this study has recommendations yet" in texts(app)
    assert "has not written down" in texts(open_page(url, view="trial", study=FINISHED, trial="3"))


def test_a_half_written_file_is_a_sentence(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    (tmp_path / "storage" / "recommendations" / f"{FINISHED}.0.parquet").write_bytes(b"PAR1")
    app = open_page(url, view="users", study=FINISHED, lists="0")
    assert "may not have finished" in texts(app)


def test_without_histories_and_items_the_lists_still_show(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    (tmp_path / "storage" / "data").rename(tmp_path / "moved")
    app = open_page(url, view="users", study=FINISHED, lists="0,3", user="U0001")
    assert "The history of this user is not there" in texts(app).replace("\\", "")
    assert html(app).count('class="list"') == 2


def test_a_study_made_just_now_has_no_time_before_its_start(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    with Store.open(url) as store:
        store.update_study(EMPTY, created_at=now() - timedelta(seconds=1))
    assert open_page(url, study=EMPTY).title[0].value == "Studies"
