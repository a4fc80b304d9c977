"""The view of users on a real store: gains, slices, finalists on test."""

import fixture_files
import fixture_store
import pyarrow.parquet as pq
import pytest
import streamlit as st
from fixture_store import FINALS, FINISHED, RUNNING, SILENT
from test_page import html, texts

from dashboard.views.user_gains import open_user
from tuning.store import Store


def ranks(folder, path: str) -> dict[str, int]:
    table = pq.read_table(folder / "storage" / path)
    return dict(zip(table["user"].to_pylist(), table["target_rank"].to_pylist(), strict=True))


def numbers(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_who_gained_and_who_lost_is_counted_and_listed(open_page, store_folder):
    app = open_page(view="users", study=FINISHED, lists="0,3", by="reciprocal rank")
    one, other = (ranks(store_folder, f"recommendations/{FINISHED}.{n}.parquet") for n in (0, 3))
    gains = {user: 1 / other[user] - 1 / one[user] for user in one}
    shown = numbers(app)
    assert int(shown["gained"]) == sum(gain > 0 for gain in gains.values()) > 0
    assert int(shown["lost"]) == sum(gain < 0 for gain in gains.values()) > 0
    assert float(shown["mean difference"]) == pytest.approx(sum(gains.values()) / len(gains), abs=1e-5)
    gained, lost = (frame.value for frame in app.dataframe[:2])
    assert gained["difference"].tolist() == sorted((gain for gain in gains.values() if gain > 0), reverse=True)
    assert lost["difference"].tolist() == sorted(gain for gain in gains.values() if gain < 0)
    first = gained.iloc[0]
    assert (first["rank in 0"], first["rank in 3"]) == (one[first["user"]], other[first["user"]])
    assert "reciprocal rank · valid · seen items kept" in texts(app).replace("\\", "")
    back = numbers(open_page(view="users", study=FINISHED, lists="0,3", by="reciprocal rank", pair="3~0"))
    assert (back["gained"], back["lost"]) == (shown["lost"], shown["gained"])


def test_a_row_that_is_clicked_opens_its_user_and_no_click_changes_nothing(open_page, monkeypatch):
    frame = open_page(view="users", study=FINISHED, lists="0,3").dataframe[0].value
    url = {"user": "U0001", "find": "00"}
    monkeypatch.setattr(st, "query_params", url)
    monkeypatch.setattr(st, "session_state", {"table-gained": {"selection": {"rows": []}}})
    open_user(frame, "table-gained")
    assert url == {"user": "U0001", "find": "00"}
    monkeypatch.setattr(st, "session_state", {"table-gained": {"selection": {"rows": [2]}}})
    open_user(frame, "table-gained")
    assert url == {"user": frame["user"].iloc[2]}


def test_one_trial_alone_has_nobody_that_gains(open_page):
    app = open_page(view="users", study=FINISHED, lists="3", user="U0010")
    assert "Who gained" not in texts(app) and html(app).count('class="list"') == 1
    assert len(app.get("plotly_chart")) == 2  # no overlap


def test_a_slice_restricts_list_and_finder_and_lives_in_the_url(open_page, store_folder):
    rows = pq.read_table(store_folder / "storage" / "recommendations" / f"{FINISHED}.0.parquet").to_pylist()
    short = [row["user"] for row in rows if 6 <= row["history_end"] <= 10]
    both = [row["user"] for row in rows if 6 <= row["history_end"] <= 10 and 20 <= row["target_popularity"] < 100]
    assert 0 < len(both) < len(short) < len(rows)
    app = open_page(view="users", study=FINISHED, lists="0,3", length="6 to 10")
    assert app.selectbox(key="user").options == short
    assert f"6 to 10 ({len(short)} users)" in app.selectbox(key="length").options
    assert sum(int(numbers(app)[name]) for name in ("gained", "lost", "same")) == len(short)
    app = app.selectbox(key="popularity").set_value("20 to 99").run()
    assert app.selectbox(key="user").options == both
    assert app.query_params["popularity"] == "20 to 99"
    outside = next(row["user"] for row in rows if row["user"] not in both)
    assert f"User {outside} is not within the chosen slices" in texts(
        open_page(view="users", study=FINISHED, lists="0,3", length="6 to 10", popularity="20 to 99", user=outside)
    )


def test_a_slice_by_category_counts_users(open_page):
    app = open_page(view="users", study=FINISHED, lists="0,3")
    label = next(text for text in app.selectbox(key="category").options if text.startswith("Pan ("))
    app = app.selectbox(key="category").set_value("Pan").run()
    assert label == f"Pan ({len(app.selectbox(key='user').options)} users)"


def test_slices_nobody_is_in_say_so(open_page):
    app = open_page(view="users", study=FINISHED, lists="0,3", length="over 50", gap="under 1 min")
    assert "No user is in all of the chosen slices" in texts(app)


def test_results_of_an_older_version_say_which_slices_they_lack(open_page):
    app = open_page(view="users", study=SILENT, user="U0005")
    assert "did not write what “Last time gap”, “Target in training” and “Cold items” would need" in texts(app).replace(
        "\\", ""
    )
    assert {box.key for box in app.selectbox} >= {"length", "category"} and "gap" not in {b.key for b in app.selectbox}
    assert html(app).count('class="history"') == 1


def test_a_user_s_page_has_a_time_axis_overlap_and_categories(open_page):
    app = open_page(view="users", study=FINISHED, lists="0,3,7", user="U0010")
    assert len(app.get("plotly_chart")) == 3
    assert "Jensen-Shannon divergence from the history" in texts(app).replace("\\", "")
    assert ":hover" in html(app) and "same-0" in html(app)


def test_finalists_are_shown_on_test_with_the_number_of_looks(open_page, store_folder):
    app = open_page(view="users", study=RUNNING)
    assert "split" not in {group.key for group in app.get("button_group")}, "no finalist of it is on record"
    app = open_page(view="users", study=FINISHED, split="test", user="U0010")
    assert "split" in {group.key for group in app.get("button_group")}
    options = app.multiselect(key="finals").options
    assert options == [f"trial {number}, seed {seed}" for number, seed in FINALS], "one run is not on record"
    assert app.multiselect(key="finals").value == ["3.2025", "4.2025"]
    assert f"this study has looked at it {len(FINALS) + 1} times" in texts(app)
    shown = texts(app).replace("\\", "")
    assert "ndcg@10 · test · seen items kept: 0.04300" in shown and "valid ·" not in shown
    history = fixture_files.history_of("U0010")["items"]
    assert f"{len(history)} items" in shown and "test target" in shown
    one, other = (ranks(store_folder, f"finals/{FINISHED}.{n}.seed-2025.parquet") for n in (3, 4))
    gained = sum(other[user] < one[user] and other[user] <= 10 for user in one)
    assert int(numbers(app)["gained"]) == gained


def test_another_study_lets_go_of_the_split(open_page):
    app = open_page(view="users", study=FINISHED, split="test", finals="3.2026", length="6 to 10")
    app = app.selectbox(key="study").set_value(RUNNING).run()
    assert not {"split", "finals", "length"} & set(app.query_params)
    assert not app.exception and not app.warning


def test_looks_without_files_leave_only_validation(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    (tmp_path / "storage" / "finals").rename(tmp_path / "moved")
    app = open_page(url, view="users", study=FINISHED, split="test", lists="0,3")
    assert app.multiselect(key="lists").value == [0, 3]


def test_a_half_written_file_of_a_finalist_is_a_sentence(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    (tmp_path / "storage" / "finals" / f"{FINISHED}.3.seed-2025.parquet").write_bytes(b"PAR1")
    app = open_page(url, view="users", study=FINISHED, split="test")
    assert "may not have finished" in texts(app)


def test_a_look_in_another_mode_is_not_shown_beside_the_study_s_own(open_page, tmp_path):
    url = fixture_store.build(tmp_path)
    with Store.open(url) as store:
        facts = {"study_name": FINISHED, "evaluated_by": "someone", "mask_seen": True, "metrics_json": "{}"}
        store.save_test_evaluation(facts | {"trial_id": f"{FINISHED}.3", "seed": 2099})
    app = open_page(url, view="users", study=FINISHED, split="test")
    assert len(app.multiselect(key="finals").options) == len(FINALS)
