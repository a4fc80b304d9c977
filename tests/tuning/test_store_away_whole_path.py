"""A search on PostgreSQL whose server goes away for a while: training goes on, and every row arrives."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from postgres_server import PostgresServer
from test_search_whole_path import ROOT, command  # noqa: F401

from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path

AWAY_SECONDS = 20
EPOCHS = 150


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.stop()
    server.remove()


def epochs(store: Store) -> int:
    return len(store.metrics(store.trials("study")["trial_id"].tolist(), "valid", ["ndcg@10"]))


def test_the_store_is_away_for_a_while(command: list[str], server: PostgresServer, tmp_path: Path):  # noqa: F811
    command[command.index("--store") + 1] = server.url
    flags = ["--trials", "2", "--epochs", str(EPOCHS), "--concurrency", "2", "--pruner", "none"]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=output, stderr=output)
        try:
            with Store.open(server.url) as store:
                deadline = time.monotonic() + 200
                while store.study("study") is None or epochs(store) < 4:
                    assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            server.stop()
            time.sleep(AWAY_SECONDS)
            server.start()
            assert process.wait(timeout=300) == 0, log.read_text()
        finally:
            process.kill()
    text = log.read_text()
    assert "the store is away, the search goes on" in text and "the store is back" in text

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    told = optuna.load_study(storage=server.url, study_name="study").trials
    with Store.open(server.url, read_only=True) as store:
        trials = store.trials("study")
        metrics = store.metrics(trials["trial_id"].tolist())
    assert trials["state"].tolist() == [COMPLETE] * 2 == [trial.state.name for trial in told]
    assert trials["value"].tolist() == [trial.value for trial in told]
    for number, trial_id in enumerate(trials["trial_id"]):
        mine = metrics[(metrics["trial_id"] == trial_id) & (metrics["name"] == "ndcg@10")]
        assert mine["epoch"].tolist() == list(range(1, EPOCHS + 1))
        assert dict(zip(mine["epoch"], mine["value"], strict=True)) == told[number].intermediate_values
    heard = metrics[metrics["name"] == "reported_seconds"].sort_values("value")["value"].diff()
    assert heard.max() < AWAY_SECONDS, "training waited for the store"
