"""Cores and GPUs a trial by `auto`: dry batches on a real Ray, and a search that asks for them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from finished_study import tiny_plan
from search_process import agreeing_trials, search, search_command, url

from tuning.errors import SearchError
from tuning.nodes.capacity import Node
from tuning.planning.plan import Plan
from tuning.schema import COMPLETE
from tuning.sharing import share_out as module
from tuning.sharing.dry_batch import OutOfMemory, run_dry_batch
from tuning.sharing.share import Share
from tuning.sharing.share_out import settle, share_out
from tuning.store import Store

pytestmark = pytest.mark.whole_path


@pytest.fixture(scope="module")
def two_cores_and_a_gpu_in_name() -> Iterator[None]:
    environment = {"env_vars": {"PYTHONPATH": str(Path(module.__file__).parents[2])}}
    options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(address="local", num_cpus=2, num_gpus=1, runtime_env=environment, **options)
    yield
    ray.shutdown()


@pytest.fixture
def plan(tiny_root: Path) -> Plan:
    return tiny_plan(tiny_root, cpus_per_trial="auto", gpus_per_trial="auto")


@pytest.mark.usefixtures("two_cores_and_a_gpu_in_name")
class TestDryBatches:
    def test_steps_are_timed_with_each_number_of_cores(self, plan: Plan):
        measured = run_dry_batch(plan.config, ray.put(plan.dataset), [1, 2], 0)
        assert measured.step_seconds.keys() == {1, 2}
        assert all(0 < seconds < 60 for seconds in measured.step_seconds.values())
        assert measured.gpu_needed_bytes is None

    def test_what_cannot_be_trained_is_a_line(self, plan: Plan):
        asks_for_a_gpu = plan.config.model_copy(update={"device": "cuda"})
        with pytest.raises(SearchError, match="dry batch that `auto` needs failed: device 'cuda' was asked") as caught:
            run_dry_batch(asks_for_a_gpu, ray.put(plan.dataset), [1], 0)
        assert "\n" not in str(caught.value) and "as numbers" in str(caught.value)

    def test_what_needs_more_memory_than_there_is_is_told_apart(self, plan: Plan):
        huge = plan.config.model_copy(update={"inner_size": 10**12})
        with pytest.raises(OutOfMemory, match="can't allocate memory") as caught:
            run_dry_batch(huge, ray.put(plan.dataset), [1], 0)
        assert "\n" not in str(caught.value)

    def test_the_choice_is_said_and_a_gpu_that_pytorch_does_not_see_is_not_shared(
        self, plan: Plan, tiny_root: Path, caplog: pytest.LogCaptureFixture
    ):
        anywhere = Plan(plan.config.model_copy(update={"device": "auto"}), plan.settings, plan.dataset, plan.flags)
        least = share_out(anywhere, [Node(2, 1)])
        assert least == Share(2, 0.125, 1)
        with caplog.at_level("INFO", logger="tuning"):
            chosen = settle(anywhere, least)
        assert (chosen.gpus_per_trial, chosen.concurrency) == (1.0, 1)
        gpus, cpus = caplog.messages
        assert gpus == "gpus-per-trial 1: PyTorch sees no GPU where Ray has one"
        assert re.fullmatch(rf"cpus-per-trial {chosen.cpus_per_trial}: a step takes \S+ s on 1 core, \S+ s on 2", cpus)


def test_nothing_is_measured_for_numbers_and_no_gpu_means_none(tiny_root: Path):
    given = tiny_plan(tiny_root, cpus_per_trial=2, gpus_per_trial="auto")
    share = share_out(given, [Node(4, 0)])
    assert settle(given, share) == share == Share(2, 0.0, 2)  # there is no Ray here
    on_cpu = tiny_plan(tiny_root, gpus_per_trial="auto")
    assert share_out(on_cpu, [Node(4, 2)]) == Share(4, 0.0, 1)  # its configuration says device=cpu
    on_gpu = tiny_plan(tiny_root, gpus_per_trial="auto")
    on_gpu = Plan(on_gpu.config.model_copy(update={"device": "cuda"}), on_gpu.settings, on_gpu.dataset, on_gpu.flags)
    with pytest.raises(SearchError, match="needs a GPU in every trial"):
        share_out(on_gpu, [Node(4, 0)])


def test_a_search_chooses_and_says_so_and_chooses_anew_when_it_is_resumed(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    flags = ["--trials", "1", "--epochs", "1", "--cpus-per-trial", "auto", "--gpus-per-trial", "auto"]
    done = search([*command, "--json"], *flags)
    assert done.returncode == 0, done.stderr
    chosen = re.search(r"^cpus-per-trial (\d+): a step takes \S+ s on 1 core", done.stderr, re.MULTILINE)
    assert chosen, done.stderr
    assert f" at once with {chosen[1]} core" in done.stderr
    with Store.open(url(tmp_path), read_only=True) as store:
        spec = store.study("study")["spec"]
    assert (spec["cpus_per_trial"], spec["gpus_per_trial"]) == (int(chosen[1]), 0)
    assert spec["flags"]["cpus_per_trial"] == "auto"

    more = search(command[:2], "--study", "study", "--store", url(tmp_path), "--extend", "1", "--json")
    assert more.returncode == 0, more.stderr
    assert re.search(r"^cpus-per-trial \d+: a step takes", more.stderr, re.MULTILINE), more.stderr
    assert (agreeing_trials(tmp_path)["state"] == COMPLETE).all()
