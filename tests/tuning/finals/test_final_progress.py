import io

import pytest
from rich.console import Console

from tuning.finals.finalists import Finalist, FinalRun
from tuning.finals.progress import FinalProgress

RUNS = [FinalRun(Finalist("s.3", 3, {"beta": 0.1}), seed) for seed in (11, 12)]


def shown(is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=120)
    with FinalProgress(console, "valid/ndcg@10", runs=2, epochs=9) as progress:
        progress.epoch(RUNS[0], {"epoch": 1, "best_epoch": None, "best_value": None})
        progress.epoch(RUNS[0], {"epoch": 4, "best_epoch": 3, "best_value": 0.25})
        progress._bars.refresh()
        progress.ended(RUNS[0])
        progress.ended(RUNS[1], "failed (diverged): loss is nan")
    return file.getvalue()


def test_a_line_a_run_where_there_is_no_terminal():
    assert shown(is_terminal=False).splitlines() == [
        "trial 3 with seed 11: 4 epochs, best valid/ndcg@10 0.2500 in epoch 3; its look at test is in the ledger",
        "trial 3 with seed 12: failed (diverged): loss is nan",
    ]


@pytest.mark.parametrize("text", ["trial 3 with seed 11, best valid/ndcg@10 0.2500", "4/9", "failed (diverged)"])
def test_a_bar_a_run_and_its_problems_in_a_terminal(text: str):
    assert text in shown(is_terminal=True)
