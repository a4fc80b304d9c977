"""What the runs on record come to, with ranks whose metrics are known."""

import io
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from athwe.config import Config
from athwe.evaluation.slices import Categories
from tuning.ablation.findings import COSTS, EARNS, FEWEST_USERS, UNTOLD, find, to_store
from tuning.ablation.records import Ranks, Records, read_records, runs_on_record
from tuning.ablation.report import print_report, share_lines
from tuning.ablation.variants import Ablation, Variant
from tuning.errors import SearchError
from tuning.files.results import ablation_name, final_results_name
from tuning.files.storage import Storage
from tuning.finals.finalists import Finalist
from tuning.store import Store

USERS = 400
HIT, MISS = 1, 99
ITEMS = pd.DataFrame({"item_id": ["j", "i"], "categories": [["Pan", "Jar"], []]})


def variant(name: str) -> Variant:
    return Variant(name, {})


ABLATION = Ablation(
    {"txt": variant("without-txt"), "wavelet": variant("without-wavelet"), "time": variant("without-time")},
    {
        frozenset({"item", "txt"}): variant("full"),
        frozenset({"item"}): variant("without-txt"),
        frozenset({"txt"}): variant("without-item"),
        frozenset(): variant("popularity"),
    },
    {},
)


def ranks(hits: dict[int, int], parameters: int = 100, is_seedless: bool = False) -> Ranks:
    """Of so many users, by seed, the target is the first; of those that come after them it is far below."""
    by_seed = {seed: np.where(np.arange(USERS) < count, HIT, MISS) for seed, count in hits.items()}
    return Ranks(by_seed, parameters, is_seedless)


def records(**changes: Ranks) -> Records:
    """The first half of the users has short histories, the second long ones."""
    found = {
        "full": ranks({6: 220, 7: 200, 8: 210}),
        "without-txt": ranks({6: 120, 7: 100, 8: 110}, parameters=60),
        "without-wavelet": ranks({6: 221, 7: 199, 8: 210}),
        "without-item": ranks({6: 80, 7: 80, 8: 80}),
        "popularity": ranks({6: 40}, parameters=0, is_seedless=True),
    }
    facts = {"history_end": np.where(np.arange(USERS) < USERS // 2, 3, 60)}
    return Records({**found, **{name.replace("_", "-"): each for name, each in changes.items()}}, facts)


def test_a_part_is_worth_the_paired_difference_on_the_same_seeds():
    txt, wavelet = find(records(), ABLATION, "recall@10").worths
    assert (txt.part, txt.difference.mean, txt.difference.seeds) == ("txt", pytest.approx(-0.25), 3)
    assert (txt.level.mean, txt.level.sd) == pytest.approx((110 / USERS, 10 / USERS))
    assert txt.verdict == EARNS and txt.p_holm < 1e-3 and txt.parameters_saved == 40
    assert wavelet.difference.mean == pytest.approx(0) and wavelet.verdict == UNTOLD
    assert wavelet.suffers_most == "History length: up to 5 items", "of the second seed, user 199"
    assert wavelet.gains_most == "History length: over 50", "of the first seed, user 220"


def test_the_slice_that_suffers_most_has_enough_users():
    found = find(records(), ABLATION, "recall@10").worths[0]
    assert found.slices.keys() == {"History length: up to 5 items", "History length: over 50"}
    assert found.suffers_most == "History length: up to 5 items"
    assert found.slices[found.suffers_most].mean == pytest.approx(-90 / 200)
    assert found.slices["History length: over 50"].mean == pytest.approx(-10 / 200) and found.gains_most is None
    few = records()
    few = Records(few.ranks, {"history_end": np.where(np.arange(USERS) < 39, 3, 60)})
    assert FEWEST_USERS > USERS // 10 > 39
    assert find(few, ABLATION, "recall@10").worths[0].slices.keys() == {"History length: over 50"}


def test_categories_of_the_targets_are_slices_too():
    halves = Categories(np.arange(USERS), np.where(np.arange(USERS) < 110, "Pan", "Jar"))
    found = find(Records(records().ranks, {}, halves), ABLATION, "recall@10").worths[0]
    assert {label: one.users for label, one in found.slices.items()} == {
        "Category of the target: Jar": USERS - 110, "Category of the target: Pan": 110,
    }  # fmt: skip
    assert found.suffers_most == "Category of the target: Jar", "its users are those that text alone hits"
    assert found.slices["Category of the target: Jar"].mean == pytest.approx((-100 - 90 - 100) / 3 / (USERS - 110))


def test_a_part_can_cost_and_parts_that_were_not_run_are_left_out():
    better = find(records(without_txt=ranks({6: 320, 7: 300, 8: 311})), ABLATION, "recall@10")
    assert [one.part for one in better.worths] == ["txt", "wavelet"]
    assert better.worths[0].verdict == COSTS and better.worths[0].gains_most == "History length: over 50"


def test_only_seeds_of_both_are_compared():
    [txt, _] = find(records(without_txt=ranks({7: 100, 9: 400})), ABLATION, "recall@10").worths
    assert txt.difference.seeds == 1 and txt.difference.mean == pytest.approx(-0.25) and txt.level.seeds == (7, 9)
    alone = find(records(without_txt=ranks({9: 400})), ABLATION, "recall@10")
    assert [one.part for one in alone.worths] == ["wavelet"] and alone.shares == {}
    rest = {name: each for name, each in records().ranks.items() if name != "full"}
    assert find(Records(rest, {}), ABLATION, "recall@10").worths == []


def test_shares_sum_to_what_the_whole_has_more_than_popularity():
    found = find(records(), ABLATION, "recall@10")
    whole, item, txt, none = (each / USERS for each in (210, 110, 80, 40))
    assert found.subsets == pytest.approx({"item+txt": whole, "item": item, "txt": txt, "none": none})
    assert list(found.shares) == ["item", "txt"]
    assert found.shares["item"].mean == pytest.approx((item - none + whole - txt) / 2)
    assert found.shares["txt"].mean == pytest.approx((txt - none + whole - item) / 2)
    assert sum(each.mean for each in found.shares.values()) == pytest.approx(whole - none)
    first, item_line, txt_line = share_lines(found)
    assert "0.5250, of which Popularity has 0.1000 (Shapley over 4 subsets, 3 seeds)" in first
    assert item_line.count("█") == 30 and "59%" in item_line
    assert txt_line.count("█") == round(30 * 0.175 / 0.25) and "41%" in txt_line


def test_the_report_names_the_parts_and_what_is_random():
    file = io.StringIO()
    spec: Any = type("Spec", (), {"study": "s", "config": Config()})
    failure = {"variant": "without-time", "seed": 6, "reason": "diverged", "error": "loss is nan"}
    found = find(records(), ABLATION, "recall@10")
    print_report(Console(file=file, width=240), spec, Finalist("s.1", 1, {}), found, [failure])
    text = file.getvalue()
    row = next(line for line in text.splitlines() if "text" in line and "│" in line)
    assert "0.2750 ± 0.0250" in row and "-0.2500 (" in row and EARNS in row and "(200 users)" in row
    assert "interval over users and seeds" in text and "1 run failed" in text


def test_the_report_says_what_is_random_where_parts_have_other_numbers_of_seeds():
    def caption(**changes: Ranks) -> str:
        file, spec = io.StringIO(), type("Spec", (), {"study": "s", "config": Config()})
        found = find(records(**changes), ABLATION, "recall@10")
        print_report(Console(file=file, width=240), cast(Any, spec), Finalist("s.1", 1, {}), found, [])
        return " ".join(file.getvalue().split())

    assert "interval over users, and seeds where there are several;" in caption(without_txt=ranks({7: 100}))
    one = caption(full=ranks({6: 220}))
    assert "interval over users: of one seed nothing is known of another;" in one and "4 subsets, 1 seed)" in one


def test_what_is_found_is_stored_without_what_is_unknown(store: Store):
    one_seed = records(full=ranks({6: 220}))
    for topic, rows in to_store(find(one_seed, ABLATION, "recall@10"), 4).items():
        store.save_findings("s", topic, rows)
    frame = store.findings("s", "ablation").set_index(["subject", "part", "name"])["value"]
    assert frame["full", "", "trial"] == 4 and ("full", "", "sd") not in frame.index
    assert frame["txt", "", "difference"] == pytest.approx(-0.25)
    assert frame["txt", "", "low"] < -0.25 < frame["txt", "", "high"]
    assert frame["txt", "History length: up to 5 items", "users"] == 200
    shares = store.findings("s", "shapley").set_index(["subject", "part", "name"])["value"]
    assert shares["subset", "none", "mean"] == pytest.approx(0.1)
    assert shares["item", "", "share"] + shares["txt", "", "share"] == pytest.approx(220 / USERS - 0.1)


def put(storage: Storage, name: str, seed: int, users: list[str], target_rank: list[int]) -> None:
    facts = {"target": ["i", "j"], "history_end": [3, 4], "last_gap_seconds": [60, 70], "target_popularity": [1, 2]}
    table = pa.table({"user": users, "target_rank": target_rank, **facts})
    table = table.replace_schema_metadata({b"parameters": b"12"})

    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)

    storage.write(final_results_name(ablation_name("s.1", name, seed)), write)


@pytest.mark.parametrize("place", ["local", "s3"])
def test_runs_are_found_by_name_and_read_with_their_facts(request: pytest.FixtureRequest, tmp_path: Path, place: str):
    path = str(tmp_path) if place == "local" else request.getfixturevalue("s3_bucket").format(tmp_path.name)
    storage = Storage.at(path)
    assert runs_on_record(storage, "s.1") == set()
    put(storage, "full", 6, ["a", "b"], [1, 5])
    put(storage, "without-txt", 6, ["a", "b"], [2, 6])
    storage.write_text("ablation/s.1/without-txt.seed-7.parquet.tmp", "cut off")
    storage.write_text("ablation/s.1/.full.seed-9.parquet", "hidden")
    assert runs_on_record(storage, "s.1") == {("full", 6), ("without-txt", 6)}
    found = read_records(storage, "s.1", [variant("full"), variant("without-txt"), variant("without-time")], ITEMS)
    assert found.ranks.keys() == {"full", "without-txt"} and found.ranks["full"].parameters == 12
    assert found.ranks["without-txt"].of([6]).tolist() == [[2], [6]]
    assert found.facts["history_end"].tolist() == [3, 4] and found.categories is not None
    assert [each.tolist() for each in found.categories] == [[1, 1], ["Pan", "Jar"]], "of the second user's target"


def test_results_of_other_users_and_damaged_ones_are_refused(tmp_path: Path):
    storage = Storage.at(str(tmp_path))
    put(storage, "full", 6, ["a", "b"], [1, 5])
    put(storage, "full", 7, ["a", "c"], [1, 5])
    with pytest.raises(SearchError, match="full.seed-7.parquet .* is of other users: delete it"):
        read_records(storage, "s.1", [variant("full")], ITEMS)
    storage.write_text("ablation/s.1/full.seed-7.parquet", "no parquet")
    with pytest.raises(SearchError, match="cannot read ablation/s.1/full.seed-7.parquet .*; delete it"):
        read_records(storage, "s.1", [variant("full")], ITEMS)


def test_nan_is_no_json():
    from tuning.ablation.report import json_line

    spec: Any = type("S", (), {"study": "s", "dataset": "d", "config": Config()})
    found = find(records(full=ranks({6: 220})), ABLATION, "recall@10")
    line = json_line(spec, Finalist("s.1", 1, {}), found, [], {})
    assert "NaN" not in line and json.loads(line)["full"]["sd"] is None
    assert math.isfinite(json.loads(line)["parts"][0]["difference"]["low"])
