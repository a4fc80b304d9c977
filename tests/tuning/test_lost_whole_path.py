"""What a search survives: a worker killed, a node killed, Ctrl-C twice. Real processes, as a user starts them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from local_cluster import LocalCluster, local_cluster
from search_process import ROOT, agreeing_trials, epochs_of, search, search_command

from tuning.schema import COMPLETE, INVALID

pytestmark = pytest.mark.whole_path

EPOCHS = 40


def started(command: Sequence[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def wait_until(true: Callable[[], object], process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 200
    while not true():
        assert process.poll() is None, f"the search was over too soon: {process.stdout and process.stdout.read()}"
        assert time.monotonic() < deadline, "the search did not get that far"
        time.sleep(0.1)


def hold_workers(search: subprocess.Popen) -> None:
    """Let the workers of a search do nothing, as if they hung."""
    children = psutil.Process(search.pid).children(recursive=True)
    held = [child for child in children if any("ray::" in part and "Trainable" in part for part in child.cmdline())]
    assert held, "no worker was found"
    for child in held:
        child.suspend()


def values_of(folder: Path, trial_id: str) -> dict[int, float]:
    epochs = epochs_of(folder)
    mine = epochs[epochs["trial_id"] == trial_id]
    return dict(zip(mine["epoch"], mine["value"], strict=True))


def test_a_killed_worker_comes_back_from_its_checkpoint_to_the_same_values(tiny_root: Path, tmp_path: Path):
    flags = ["--trials", "1", "--epochs", str(EPOCHS), "--concurrency", "1", "--pruner", "none"]
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    process = started([*search_command(tiny_root, disturbed), *flags])
    try:
        wait_until(lambda: len(epochs_of(disturbed)) >= 5, process)
        diagnostics = disturbed / "study" / "diagnostics" / "study.0.json"
        worker = json.loads(diagnostics.read_text())["worker"]["pid"]
        os.kill(worker, signal.SIGKILL)
        output, _ = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "trial 0 lost its worker and goes on from its checkpoint" in output
    assert "Traceback" not in output
    done = search(search_command(tiny_root, undisturbed), *flags)
    assert done.returncode == 0, done.stderr

    assert agreeing_trials(disturbed)["state"].tolist() == [COMPLETE]
    values = values_of(disturbed, "study.0")
    assert list(values) == list(range(1, EPOCHS + 1)), "an epoch is missing"
    assert values == values_of(undisturbed, "study.0")


def test_ctrl_c_twice_ends_at_once_and_the_study_goes_on(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    flags = ["--trials", "2", "--epochs", str(EPOCHS), "--concurrency", "2", "--pruner", "none"]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=output, stderr=output)
        try:
            wait_until(lambda: len(epochs_of(tmp_path)) >= 5, process)
            hold_workers(process)  # so that the first Ctrl-C finds no end before the second one comes
            process.send_signal(signal.SIGINT)
            wait_until(lambda: "once more ends at once" in log.read_text(), process)
            asked_at = time.monotonic()
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=120)
        finally:
            process.kill()
    seconds = time.monotonic() - asked_at
    assert code == 130, log.read_text()
    assert log.read_text().endswith("interrupted\n") and "Traceback" not in log.read_text(), log.read_text()
    assert seconds < 30, f"it took {seconds:.1f} s to end at once"
    before = epochs_of(tmp_path)
    assert len(before) < 2 * EPOCHS, "the search was over too soon"

    done = search(command, *flags, "--resume")
    assert done.returncode == 0, done.stderr
    trials = agreeing_trials(tmp_path)
    retried = trials["number"].isin(trials["retry_of"].dropna())
    counted = trials[~retried & (trials["reason"] != INVALID)]
    assert counted["state"].tolist() == [COMPLETE] * 2
    for trial_id in counted["trial_id"]:
        assert list(values_of(tmp_path, trial_id)) == list(range(1, EPOCHS + 1)), "an epoch is missing"
    assert epochs_of(tmp_path).merge(before).equals(before), "an epoch that was stored is lost or came out differently"


def test_the_trial_of_a_killed_node_moves_to_another(tiny_root: Path, tmp_path: Path):
    flags = ["--trials", "3", "--epochs", str(EPOCHS), "--concurrency", "2", "--pruner", "none"]
    with local_cluster() as cluster:
        cluster.add_node("127.0.0.3")
        command = [*search_command(tiny_root, tmp_path), *flags, "--address", cluster.address]
        process = started(command, cluster.environment)
        try:
            wait_until(lambda: len(trials_at_work_on(cluster, "127.0.0.3", tmp_path)) >= 1, process)
            [moved] = trials_at_work_on(cluster, "127.0.0.3", tmp_path)
            wait_until(lambda: len(values_of(tmp_path, moved)) >= 3, process)
            before = values_of(tmp_path, moved)
            cluster.raylet("127.0.0.3").send_signal(signal.SIGKILL)
            output, _ = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert "all 2 nodes are ready" in output
    assert f"trial {moved.rpartition('.')[2]} lost its worker and goes on from its checkpoint" in output
    assert len(before) < EPOCHS, "the trial was over before its node was"

    trials = agreeing_trials(tmp_path)
    assert trials["state"].tolist() == [COMPLETE] * 3
    for trial_id in trials["trial_id"]:
        assert list(values_of(tmp_path, trial_id)) == list(range(1, EPOCHS + 1)), "an epoch is missing"
    after = values_of(tmp_path, moved)
    assert before == {epoch: after[epoch] for epoch in before}


def trials_at_work_on(cluster: LocalCluster, address: str, folder: Path) -> list[str]:
    """Trials whose worker, as their diagnostics name it, belongs to a node."""
    there = {process.pid for process in cluster.processes(address) if psutil.pid_exists(process.pid)}
    files = (folder / "study" / "diagnostics").glob("study.*.json")
    return [path.stem for path in files if json.loads(path.read_text())["worker"]["pid"] in there]
