"""A search on a real Ray cluster: as the README submits it, and on nodes that are not ready for it."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cluster import LocalCluster, local_cluster
from search_process import ROOT, agreeing_trials, search_command, url

from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path

RAY_S_OWN = re.compile(r"^\d{4}-\d\d-\d\d .*(INFO|SUCC|WARNING|ERR)", re.MULTILINE)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with local_cluster() as cluster:
        yield cluster


def readme_command(**values: str) -> list[str]:
    """The one command of the README that submits a job, with its placeholders filled in."""
    [text] = re.findall(r"^ray job submit .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    for placeholder, value in values.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    return shlex.split(text)


def submitted(cluster: LocalCluster, command: list[str]) -> tuple[int, list[tuple[float, str]]]:
    """Exit code of `ray job submit`, and each line it showed with the time in seconds."""
    environment = cluster.environment | {"RAY_COLOR_PREFIX": "0"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        lines = [(time.monotonic(), line.rstrip("\n")) for line in process.stdout]
        return process.wait(timeout=60), lines
    finally:
        process.kill()


def test_the_command_of_the_readme_runs_on_a_cluster(cluster: LocalCluster, tiny_root: Path, tmp_path: Path):
    command = readme_command(
        **{
            "http://HEAD:8265": cluster.jobs,
            "NAME": "tiny",
            "/shared/dataset": str(tiny_root),
            "/shared/results/STUDY": str(tmp_path / "study"),
            "postgresql+psycopg://USER@HOST/athwe": url(tmp_path),
            "STUDY": "study",
        }
    )
    small = ["--config", "config/small.yaml", "--set", "n_clusters=5", "--trials", "2", "--epochs", "2"]
    code, lines = submitted(cluster, [*command, *small])
    texts = [line for _, line in lines]
    assert code == 0, texts

    [began] = [at for at, line in lines if line.startswith("Running entrypoint for job")]
    ours = [(at, line) for at, line in lines if at > began and not RAY_S_OWN.match(line)]
    assert ours[0][0] - began < 30, "the job was silent for too long"
    assert not any("\x1b" in line for _, line in ours)
    for beginning in ("Searching study: 2 trials", "trial 0 COMPLETE after 2 epochs, valid/ndcg@10 ", "2 COMPLETE"):
        assert any(line.startswith(beginning) for _, line in ours), (beginning, texts)

    trials = agreeing_trials(tmp_path)
    assert trials["state"][trials["reason"].isna()].tolist() == [COMPLETE] * 2
    with Store.open(url(tmp_path), read_only=True) as store:
        row = store.study("study")
    assert row["storage_path"] == str(tmp_path / "study") and row["dataset_folder"] == str(tiny_root / "tiny")
    assert row["spec"]["flags"]["config"] == ["config/small.yaml"], "a path in the job's folder was stored"
    assert (tmp_path / "study" / "recommendations" / "study.0.parquet").is_file()
    assert not list((tmp_path / "study").glob(".preflight*"))


def test_a_job_whose_store_would_vanish_is_refused(cluster: LocalCluster):
    job = ["ray", "job", "submit", "--address", cluster.jobs, "--working-dir", ".", "--"]
    code, lines = submitted(cluster, [*job, "python", "tuning/search.py"])
    assert code != 0
    [error] = {line for _, line in lines if line.startswith("error:")}  # Ray repeats a failed job's last line
    assert "the store sqlite:///results/athwe.db would vanish with the job's folder" in error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide folders from a node")
def test_a_node_that_is_not_ready_is_named_before_a_trial_starts(
    cluster: LocalCluster, tiny_root: Path, tmp_path: Path
):
    (tmp_path / "study").mkdir()
    cluster.add_node("127.0.0.3", hidden=[ROOT / "tuning", tmp_path / "study"])
    try:
        command = [*search_command(tiny_root, tmp_path), "--trials", "1", "--address", cluster.address]
        done = subprocess.run(
            command, cwd=ROOT, env=cluster.environment, capture_output=True, text=True, timeout=200, check=False
        )
    finally:
        cluster.stop_node("127.0.0.3")
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and all(line.startswith("error: node 127.0.0.3") for line in lines), lines
    assert "does not have athwe and tuning: start the search by `ray job submit --working-dir .`" in lines[0]
    assert f"does not see what the driver writes to {tmp_path / 'study'}: mount the same shared folder" in lines[1]
    assert not (tmp_path / "study").exists(), "something was left in the storage path"
    with Store.open(url(tmp_path), read_only=True) as store:
        assert store.study("study") is None
