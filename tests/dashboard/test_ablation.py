"""The section on what earns its place: tables from the store's findings, charts, and a command where there are none."""

import pandas as pd
import pytest
from fixture_store import FINISHED, RUNNING

from dashboard import ablation
from dashboard.ablation import parts_table, shares_table, slices_table, subsets_table, whole_facts
from dashboard.charts import ablation as charts
from tuning.ablation import findings, parts

NO_ROWS = pd.DataFrame({"subject": [], "part": [], "name": [], "value": []})


def rows(*each: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(each), columns=["subject", "part", "name", "value"])


def facts(subject: str, part: str = "", **values: float) -> list[tuple[str, str, str, float]]:
    return [(subject, part, name, value) for name, value in values.items()]


FOUND = rows(
    *facts("full", trial=4, mean=0.5, seeds=1, parameters=100),
    *facts("wavelet", mean=0.51, seeds=1, parameters=90, difference=0.01, low=-0.01, high=0.03, users=9,
           paired_seeds=1, p_holm=0.3),
    *facts("txt", mean=0.4, seeds=1, parameters=60, difference=-0.1, low=-0.2, high=-0.05, users=9, paired_seeds=1,
           p_holm=0.01),
    *facts("txt", "Last time gap: 1 to 7 days", difference=-0.3, low=-0.4, high=-0.2, users=5),
    *facts("txt", "History length: 6 to 10", difference=0.1, low=0.0, high=0.2, users=4),
)  # fmt: skip


def test_words_and_verdicts_are_those_of_the_search():
    assert {part: parts.title_of(part) for part in parts.NAMES if part != parts.SHARES} == ablation.TITLES
    ours = (ablation.EARNS, ablation.COSTS, ablation.UNTOLD, ablation.ALPHA)
    assert ours == (findings.EARNS, findings.COSTS, findings.UNTOLD, findings.ALPHA)


def test_the_part_whose_loss_hurts_most_comes_first():
    frame = parts_table(FOUND)
    assert frame["without"].tolist() == ["text", "wavelet alignment"]
    assert frame["verdict"].tolist() == [ablation.EARNS, ablation.UNTOLD]
    assert frame["parameters saved"].tolist() == [40, 10] and frame["sd"].isna().all(), "there is one seed"
    assert whole_facts(FOUND)["trial"] == 4 and pd.isna(whole_facts(FOUND)["sd"])


def test_slices_keep_their_order():
    frame = slices_table(FOUND, "txt")
    assert frame["slice"].tolist() == ["Last time gap: 1 to 7 days", "History length: 6 to 10"]
    assert frame["users"].tolist() == [5, 4] and frame["difference"].tolist() == [-0.3, 0.1]
    assert slices_table(FOUND, "wavelet").empty


def test_nothing_found_and_no_whole_are_no_tables():
    assert parts_table(NO_ROWS).empty and whole_facts(NO_ROWS) == {} and shares_table(NO_ROWS).empty
    assert parts_table(rows(*facts("full", trial=4))).empty, "every run failed"


def test_shares_are_percents_of_their_sum():
    found = rows(*facts("item", share=0.3, low=0.2, high=0.4), *facts("txt", share=0.1, low=0.0, high=0.2),
                 ("subset", "item+txt", "mean", 0.5), ("subset", "none", "mean", 0.1))  # fmt: skip
    frame = shares_table(found)
    assert frame["modality"].tolist() == ["item ids", "text"] and frame["percent"].tolist() == pytest.approx([75, 25])
    assert subsets_table(found).values.tolist() == [["item ids, text", 0.5], ["none: Popularity", 0.1]]
    [bars] = charts.shares(frame, "ndcg@10").data
    assert list(bars.x) == [0.3, 0.1] and list(bars.error_x.array) == pytest.approx([0.1, 0.1])


def test_the_chart_has_a_dot_and_an_interval_a_part_by_verdict():
    figure = charts.differences(parts_table(FOUND), "ndcg@10")
    dots = {trace.name: trace for trace in figure.data}
    assert list(dots) == [ablation.EARNS, ablation.UNTOLD]
    earns = dots[ablation.EARNS]
    assert (list(earns.x), list(earns.y)) == ([-0.1], ["text"])
    assert (list(earns.error_x.array), list(earns.error_x.arrayminus)) == (pytest.approx([0.05]), pytest.approx([0.1]))
    assert list(figure.layout.yaxis.categoryarray) == ["wavelet alignment", "text"], "from below"


def test_the_section_follows_the_url(open_page):
    app = open_page(view="evaluation", aspect="ablation", study=FINISHED, part="wavelet")
    assert app.selectbox(key="part").value == "wavelet"
    [table] = [each.value for each in app.dataframe if "without" in each.value]
    assert table["without"].tolist() == ["text", "wavelet alignment", "item contrast (loss)"]
    assert "ndcg@10 · valid · seen items kept" in table
    captions = "\n".join(each.value for each in app.caption)
    assert "trial 7" in captions and "users and seeds" in captions and "Suffers most" in captions


def test_without_an_ablation_there_is_the_command(open_page):
    app = open_page(view="evaluation", aspect="ablation", study=RUNNING)
    assert any(
        block.value.startswith(f"python tuning/ablate.py --study {RUNNING} --store sqlite") for block in app.code
    )
