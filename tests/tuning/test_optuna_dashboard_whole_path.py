"""`optuna-dashboard <store url>` opens our store and shows what is in our tables."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import optuna
import pytest
from all_endings import ENDINGS, in_dashboard, in_store, tell_every_ending
from local_cluster import free_port
from tiny_search import OBJECTIVE

from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path
_START_SECONDS = 60.0


class OptunaDashboard:
    """A running one; asked without a proxy, since it listens on loopback only."""

    def __init__(self, process: subprocess.Popen, port: int):
        self._process = process
        self._root = f"http://127.0.0.1:{port}"
        self._open = build_opener(ProxyHandler({})).open

    def ask(self, path: str) -> Any:
        with self._open(f"{self._root}{path}", timeout=60) as answer:
            return json.load(answer)

    def wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, self._process.communicate()[1]
            try:
                self.ask("/api/meta")
                return
            except URLError:
                assert time.monotonic() < deadline, "it did not answer"
                time.sleep(0.2)


@contextmanager
def optuna_dashboard(url: str) -> Iterator[OptunaDashboard]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("optuna-dashboard")), url, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        dashboard = OptunaDashboard(process, port)
        dashboard.wait()
        yield dashboard
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("also_minimize", [(), ("train_seconds", "parameters")])
def test_it_agrees_with_our_store_about_every_ending(tmp_path: Path, also_minimize: tuple[str, ...]):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(url) as store:
        tell_every_ending(store, url, tmp_path, also_minimize)
        mine = in_store(store, [OBJECTIVE, *also_minimize])
    with optuna_dashboard(url) as dashboard:
        [listed] = dashboard.ask("/api/studies")["study_summaries"]
        shown = dashboard.ask(f"/api/studies/{listed['study_id']}")
        importances = dashboard.ask(f"/api/studies/{listed['study_id']}/param_importances")["param_importances"]
    assert listed["study_name"] == shown["name"] == "s"
    assert shown["directions"] == ["maximize", *["minimize"] * len(also_minimize)]
    assert shown["has_intermediate_values"]
    found = in_dashboard(shown)
    assert found.keys() == mine.keys() == set(range(len(ENDINGS)))
    for number, facts in mine.items():
        assert found[number] == facts, list(ENDINGS)[number]
    best = max(facts["values"][0] for facts in mine.values() if facts["state"] == COMPLETE)
    assert max(trial["values"][0] for trial in shown["best_trials"]) == best
    assert len(importances) == 1 + len(also_minimize)
