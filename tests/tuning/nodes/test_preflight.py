"""What the pre-flight finds, by rule, and on a real Ray of one node."""

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tuning.errors import NotReadyError
from tuning.nodes import node_check, preflight
from tuning.nodes.preflight import differences, node_name, require_ready_nodes, too_small

MINE = {"source": "a1", "versions": {"python": "3.11.7", "torch": "2.13.0", "kmedoids": None}}
GOOD = MINE | {"sees": True, "write_error": None}


def found(is_seen_here: bool = True, **answer) -> list[str]:
    return list(differences(GOOD | answer, MINE, "/shared", is_seen_here))


def test_a_node_like_the_driver_s_has_nothing_against_it():
    assert found() == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"source": None}, "does not have athwe and tuning: start the search by `ray job submit --working-dir .`"),
        ({"source": "b2"}, "has another source of athwe and tuning (b2, here a1): start the search by"),
        ({"sees": False}, "does not see what the driver writes to /shared: mount the same shared folder on all nodes"),
        ({"write_error": "Permission denied"}, "cannot write to /shared (Permission denied): let the user that Ray"),
        ({"is_seen_here": False}, "writes to /shared, but the driver does not see it: mount the same shared folder"),
        ({"versions": MINE["versions"] | {"torch": "2.12.0"}}, "has torch 2.12.0, here it is 2.13.0: install 2.13.0"),
        ({"versions": MINE["versions"] | {"torch": None}}, "has no torch, here it is 2.13.0: install 2.13.0 there"),
        ({"versions": MINE["versions"] | {"kmedoids": "1"}}, "has kmedoids 1, here it is not installed: remove it"),
    ],
)
def test_what_is_different_is_said_with_its_remedy(answer: dict, line: str):
    [only] = found(**answer)
    assert only.startswith(line) and "\n" not in only


def test_everything_that_is_different_is_said():
    assert len(found(source=None, sees=False, versions=MINE["versions"] | {"torch": None, "python": "3.12.1"})) == 4


def test_a_trial_must_fit_on_one_node():
    nodes = [{"CPU": 1.0}, {"CPU": 2.0, "GPU": 1.0}]
    assert too_small(nodes, cpus=2, gpus=0.5) == too_small(nodes, cpus=1, gpus=0) == []
    [line] = too_small(nodes, cpus=3, gpus=0)
    assert line.startswith("no node has the 3 cores and 0 GPUs of one trial, but 2 and 1; 1 and 0: give")


def test_a_node_is_named_by_its_address_and_its_host():
    assert node_name({"NodeManagerAddress": "10.0.0.2", "NodeManagerHostname": "gpu-2"}) == "10.0.0.2 (gpu-2)"


def test_the_same_source_has_the_same_digest_and_a_changed_one_another(tmp_path: Path):
    for package in ("athwe", "tuning"):
        (tmp_path / package / "deep").mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    script = inspect.getsource(node_check) + "\nprint(source_digest())"

    def digest() -> str:
        # -P and another folder, so that nothing of this checkout is found
        command = [sys.executable, "-P", "-c", script]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    first = digest()
    assert len(first.strip()) == 12 and first == digest()
    (tmp_path / "athwe" / "deep" / "new.py").write_text("x = 1\n", encoding="utf-8")
    assert digest() != first
    (tmp_path / "tuning" / "__init__.py").unlink()
    assert digest().strip() == "None"


@pytest.fixture(scope="module")
def one_node() -> Iterator[None]:
    environment = {"env_vars": {"PYTHONPATH": str(Path(preflight.__file__).parents[2])}}
    options = {"num_cpus": 1, "include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(address="local", runtime_env=environment, **options)
    yield
    ray.shutdown()


@pytest.mark.whole_path
@pytest.mark.usefixtures("one_node")
class TestOnARealNode:
    def test_it_is_ready_and_nothing_is_left_in_the_storage(self, tmp_path: Path):
        require_ready_nodes(str(tmp_path), cpus=1, gpus=0)
        assert list(tmp_path.iterdir()) == []

    def test_all_that_is_found_comes_at_once_and_nothing_is_left(self, tmp_path: Path):
        with pytest.raises(NotReadyError) as caught:
            require_ready_nodes(str(tmp_path), cpus=2, gpus=0, answer_seconds=0)
        silent, size = caught.value.problems
        assert silent.startswith("node ") and "did not answer within 0 s" in silent
        assert "no node has the 2 cores" in size
        assert list(tmp_path.iterdir()) == []
