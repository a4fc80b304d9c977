"""The command that tells for whom trials are good, on files as workers leave them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished_study import save_study, save_trial, tiny_plan
from refusals import require_one_line

from tuning.files.results import data_name, recommendations_name
from tuning.schema import COMPLETE
from tuning.slices import main
from tuning.store import Store

ENDS = [3, 3, 3, 60]
"""How long each user's history is: one is alone in its slice."""


@pytest.fixture
def study_url(tiny_root: Path, tmp_path: Path) -> str:
    url, storage = f"sqlite:///{tmp_path}/finished.db", tmp_path / "storage"
    with Store.open(url) as store:
        spec = save_study(store, tiny_plan(tiny_root), storage)
        for number, ranks in enumerate(([1, 2, 3, 4], [4, 3, 2, 1])):
            path = storage / recommendations_name(save_trial(store, number, COMPLETE, 0.3))
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = {"user": list("abcd"), "target_rank": ranks, "history_end": ENDS, "target": ["i"] * 4}
            pq.write_table(pa.table(columns), path)
    items = storage / data_name(spec.data_fingerprint, "items")
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": ["i"], "categories": [["Pan"]]}), items)
    return url


def test_of_a_single_user_no_error_and_no_interval_is_told(study_url: str, capsys: pytest.CaptureFixture):
    assert main(["--study", "study", "--store", study_url, "--trials", "0", "1", "--metric", "mrr@5"]) == 0
    text = capsys.readouterr().out
    alone = next(line for line in text.splitlines() if "History length: over 50" in line)
    assert "0.2500 ± –" in alone and "1.0000 ± –" in alone and "+0.7500 │" in alone
    assert "nan" not in text and "Category of the target: Pan" in text


def test_damaged_items_are_one_line(study_url: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    [items] = (tmp_path / "storage" / "data").glob("*/items.parquet")
    items.write_bytes(b"junk")
    assert main(["--study", "study", "--store", study_url, "--trials", "0"]) == 2
    require_one_line(capsys, "items.parquet in ")
