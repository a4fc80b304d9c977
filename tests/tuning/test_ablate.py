"""The ablation as far as it comes without starting Ray."""

import json
from pathlib import Path

import pytest
import ray
from finished_study import save_study, save_trial, tiny_plan
from refusals import require_one_line
from tiny_search import write_tiny

from athwe.config_files import override_config
from athwe.data import load_dataset
from athwe.errors import SealedError
from athwe.evaluation.metrics import mean_metrics
from athwe.evaluation.recommendations import items_table
from athwe.training.trainer import Trainer
from tuning.ablate import main
from tuning.ablation.records import read_records
from tuning.ablation.variants import AblationRun, Variant, ablation_of
from tuning.files.storage import Storage
from tuning.finals import runs
from tuning.finals.runs import FinalWorker
from tuning.schema import COMPLETE, PRUNED, RUNNING
from tuning.store import Store

PARAMS = {"learning_rate": 0.01}


@pytest.fixture
def study_url(tiny_root: Path, tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/finished.db"
    with Store.open(url) as store:
        save_study(store, tiny_plan(tiny_root, seed=5, epochs=2), tmp_path / "storage")
        for number, (state, value) in enumerate([(COMPLETE, 0.2), (PRUNED, 0.4), (COMPLETE, 0.3), (RUNNING, None)]):
            save_trial(store, number, state, value, params=PARAMS)
    return url


@pytest.fixture
def worker_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("limit_threads", "import_ahead", "keep_freed_memory"):  # they are for a process of its own
        monkeypatch.setattr(runs, name, lambda *_: None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--study", "other"], "no study 'other' in this store: `python tuning/studies.py list` shows"),
        (["--trial", "9"], "there is no trial 9"),
        (["--trial", "3"], "trial 3 is RUNNING"),
        (["--seeds", "0"], "expected a whole number above 0"),
        (["--parts", "wavelets"], "invalid choice: 'wavelets'"),
        (["--concurrency", "10000"], "more than fits"),
        (["--store", "sqlite:////nowhere/store.db"], "there is no store"),
        (["--address", "127.0.0.1:1"], "no Ray cluster answers"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    study_url: str, capsys: pytest.CaptureFixture, flags: list[str], message: str
):
    assert main(["--study", "study", "--store", study_url, *flags]) == 2
    require_one_line(capsys, message)


def test_where_nothing_can_be_taken_out_it_says_why(study_url: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    root = write_tiny(tmp_path / "bare", modalities=("txt",), categories=False)
    with Store.open(study_url) as store:
        store.delete_study("study")
        save_study(store, tiny_plan(root), tmp_path / "storage")
        save_trial(store, 0, COMPLETE, 0.1)
    assert main(["--study", "study", "--store", study_url, "--parts", "img", "attribute"]) == 2
    error = capsys.readouterr().err
    assert "nothing of that can be taken out of ATHWE on tiny" in error
    assert "img: it is not in use on tiny; attribute: tiny has no categories" in error


def test_a_worker_looks_at_validation_of_sealed_data_and_keeps_ranks_but_no_model(
    tiny_root: Path, tmp_path: Path, worker_here: None
):
    plan = tiny_plan(tiny_root, epochs=2)
    dataset = load_dataset("tiny", tiny_root, plan.config).sealed()
    variant = ablation_of(plan.config, dataset).without["img"]
    run = AblationRun("study.2", PARAMS, variant, 77)
    worker = FinalWorker(dataset, plan.config, 1, Storage.at(str(tmp_path)), "valid")
    worker.begin(run.params, run.seed, run.name)
    messages = [worker.step() for _ in range(3)]
    trainer = Trainer(override_config(plan.config, PARAMS | {"seed": 77, "modalities": ["item", "txt"]}), dataset)
    list(trainer.epochs())
    assert messages[2] == {"valid": trainer.evaluate("valid")}
    with pytest.raises(SealedError):
        trainer.rank("test")
    assert [path.name for path in (tmp_path / "ablation" / "study.2").iterdir()] == ["without-img.seed-77.parquet"]
    found = read_records(Storage.at(str(tmp_path)), "study.2", [variant], items_table(dataset)).ranks["without-img"]
    means = mean_metrics(found.of([77])[:, 0], ["ndcg"], [10])
    assert means["ndcg@10"] == pytest.approx(messages[2]["valid"]["valid/ndcg@10"])
    assert found.parameters == sum(each.numel() for each in trainer.model.parameters())

    (tmp_path / "full").touch()  # where the folder is to be: without ranks the run was for nothing
    worker.begin(run.params, run.seed, "full/study.2/without-img.seed-77")
    *_, last = [worker.step() for _ in range(3)]
    assert last["failure"]["reason"] == "exception" and "full" in last["failure"]["error"]


def test_what_is_on_record_is_compared_without_ray_and_all_of_it(
    study_url: str, tiny_root: Path, tmp_path: Path, worker_here: None, capsys: pytest.CaptureFixture
):
    plan = tiny_plan(tiny_root, seed=5, epochs=2)
    dataset = load_dataset("tiny", tiny_root, plan.config).sealed()
    variants = ablation_of(plan.config, dataset, ["wavelet", "cluster"]).without
    worker = FinalWorker(dataset, plan.config, 1, Storage.at(str(tmp_path / "storage")), "valid")
    for variant in (Variant("full", {}), *variants.values()):
        for seed in (10_006, 10_007):
            run = AblationRun("study.2", PARAMS, variant, seed)
            worker.begin(run.params, run.seed, run.name)
            assert "valid" in [worker.step() for _ in range(3)][-1]
    command = ["--study", "study", "--store", study_url, "--parts", "wavelet", "--seeds", "1", "--json"]
    assert main(command) == 0
    output = capsys.readouterr()
    line = json.loads(output.out)
    assert (line["trial"], line["metric"], line["full"]["seeds"]) == (2, "valid/ndcg@10", [10_006, 10_007])
    assert [one["part"] for one in line["parts"]] == ["wavelet", "cluster"], "what was not asked for is on record, too"
    difference = line["parts"][0]["difference"]
    assert (difference["seeds"], difference["users"]) == (2, 60)
    assert difference["mean"] == pytest.approx(line["parts"][0]["mean"] - line["full"]["mean"])
    assert {f"Category of the target: category {number}" for number in range(4)} < line["parts"][0]["slices"].keys()
    assert "wavelet alignment" in output.err and not ray.is_initialized()
    with Store.open(study_url, read_only=True) as store:
        assert len(store.test_evaluations("study")) == 0
        stored = store.findings("study", "ablation").set_index(["subject", "part", "name"])["value"]
    assert stored["wavelet", "", "difference"] == difference["mean"]
    assert main([*command, "--parts", "wavelet", "img", "--concurrency", "10000"]) == 2
    assert "more than fits" in capsys.readouterr().err, "what is not there has to be run"
