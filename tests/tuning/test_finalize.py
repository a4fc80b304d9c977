"""The finalisation as far as it comes without starting Ray."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
from finished_study import save_study, save_trial, tiny_plan
from refusals import require_one_line
from tiny_search import write_tiny

import athwe
from athwe.config_files import override_config
from athwe.data import load_dataset
from athwe.evaluation.metrics import mean_metrics
from athwe.evaluation.recommendations import write_histories
from athwe.training.trainer import Trainer
from tuning.files.results import best_final, final_model_name, keep_only_final
from tuning.files.storage import Storage
from tuning.finalize import main
from tuning.finals import runs
from tuning.finals.runs import FinalWorker
from tuning.schema import COMPLETE, PRUNED
from tuning.store import Store

PARAMS = {"learning_rate": 0.01}


@pytest.fixture
def study_url(tiny_root: Path, tmp_path: Path) -> str:
    """A store with a study of three trials, one of them pruned, and none of them looked at."""
    url = f"sqlite:///{tmp_path}/finished.db"
    with Store.open(url) as store:
        save_study(store, tiny_plan(tiny_root, seed=5), tmp_path / "storage")
        for number, (state, value) in enumerate([(COMPLETE, 0.2), (PRUNED, 0.4), (COMPLETE, 0.3)]):
            save_trial(store, number, state, value, params=PARAMS)
    return url


def looks_of(url: str) -> int:
    with Store.open(url, read_only=True) as store:
        return len(store.test_evaluations("study"))


def look(number: int, seed: int, **metrics: float) -> dict[str, Any]:
    values = {f"test/{name}@10": value for name, value in metrics.items()}
    facts = {"study_name": "study", "evaluated_by": "someone", "mask_seen": False}
    return facts | {"trial_id": f"study.{number}", "seed": seed, "metrics_json": json.dumps(values)}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--study", "other"], "no study 'other' in this store: `python tuning/studies.py list` shows"),
        (["--trials", "0", "9"], "there is no trial 9"),
        (["--trials", "x"], "expected a trial's number, got 'x'"),
        (["--trials", "0", "--top", "2"], "not allowed with argument"),
        (["--seeds", "0"], "expected a whole number above 0"),
        (["--concurrency", "10000"], "more than fits"),
        (["--cpus-per-trial", "10000"], "is above the"),
        (["--store", "sqlite:////nowhere/store.db"], "there is no store"),
        (["--address", "127.0.0.1:1"], "no Ray cluster answers"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    study_url: str, capsys: pytest.CaptureFixture, flags: list[str], message: str
):
    assert main(["--study", "study", "--store", study_url, *flags]) == 2
    require_one_line(capsys, message)
    assert looks_of(study_url) == 0


def test_a_study_without_a_complete_trial_is_refused(study_url: str, capsys: pytest.CaptureFixture):
    with Store.open(study_url) as store:
        for number in (0, 2):
            store.save_trial({"trial_id": f"study.{number}", "state": PRUNED})
    assert main(["--study", "study", "--store", study_url]) == 2
    assert "no COMPLETE trial" in capsys.readouterr().err


def test_another_data_set_of_the_same_name_is_refused(study_url: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    root = write_tiny(tmp_path / "other", modalities=("txt",))
    assert main(["--study", "study", "--store", study_url, "--dataset-root", str(root)]) == 2
    error = capsys.readouterr().err
    assert "has fingerprint" in error and "by --dataset-root" in error and error.count("\n") == 1
    assert not ray.is_initialized() and looks_of(study_url) == 0


def test_what_is_on_record_is_shown_without_another_look(study_url: str, capsys: pytest.CaptureFixture):
    with Store.open(study_url) as store:
        for number, seed, ndcg in [(2, 6, 0.1), (2, 7, 0.3), (2, 8, 0.2), (0, 6, 0.5), (0, 7, 0.5)]:
            store.save_test_evaluation(look(number, seed, ndcg=ndcg, recall=2 * ndcg))
    flags = ["--study", "study", "--store", study_url, "--top", "2", "--seeds", "2", "--json"]
    assert main(flags) == 0
    output = capsys.readouterr()
    line = json.loads(output.out)
    assert line["looks"] == 5 and "the test split was looked at 5 times in this study" in output.err
    first, second = line["trials"]
    assert (first["trial"], first["seeds"]) == (2, [6, 7, 8])
    assert first["metrics"]["test/ndcg@10"]["mean"] == pytest.approx((0.1 + 0.3 + 0.2) / 3)
    assert first["metrics"]["test/recall@10"]["sd"] == pytest.approx(0.2)
    assert second["metrics"]["test/ndcg@10"]["interval"] == [0.5, 0.5]
    assert "0.2000" in output.err and "95% interval" in output.err
    assert not ray.is_initialized() and looks_of(study_url) == 5


def test_a_worker_trains_as_anyone_would_and_looks_at_test_once_at_the_end(
    tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("limit_threads", "import_ahead", "keep_freed_memory"):  # they are for a process of its own
        monkeypatch.setattr(runs, name, lambda *_: None)
    plan = tiny_plan(tiny_root)
    whole = load_dataset("tiny", tiny_root, plan.config)
    worker = FinalWorker(whole, plan.config, 1, Storage.at(str(tmp_path)))
    worker.begin(PARAMS, 77, "finals/study.2.seed-77")
    messages = [worker.step() for _ in range(4)]
    trainer = Trainer(override_config(plan.config, PARAMS | {"seed": 77}), whole)
    trained = list(trainer.epochs())
    assert [message.get("epoch") for message in messages] == [1, 2, 3, None]
    assert messages[2]["best_value"] == max(one.metrics["valid/ndcg@10"] for one in trained)
    with trainer.best_model():
        in_other_mode = trainer.metrics_of(trainer.rank("test", mask_seen=True), "test, mask_seen true")
    assert messages[3] == {"test": trainer.evaluate("test") | in_other_mode}
    assert in_other_mode["test, mask_seen true/ndcg@10"] != messages[3]["test"]["test/ndcg@10"]

    users = pq.read_table(tmp_path / "finals" / "study.2.seed-77.parquet").to_pandas()
    means = mean_metrics(users["target_rank"].to_numpy(), ["ndcg"], [10])
    assert means["ndcg@10"] == pytest.approx(messages[3]["test"]["test/ndcg@10"])
    metadata = pq.read_schema(tmp_path / "finals" / "study.2.seed-77.parquet").metadata
    beyond = json.loads(metadata[b"beyond_accuracy"])
    assert beyond["split"] == "test" and users["novelty"].mean() == pytest.approx(beyond["measures"]["novelty@10"])
    write_histories(whole, tmp_path / "histories.parquet")
    known = pq.read_table(tmp_path / "histories.parquet").to_pandas()
    assert users["user"].equals(known["user"])
    assert users["history_end"].tolist() == known["items"].map(len).tolist(), "all that is known is before the target"
    kept = athwe.load(tmp_path / "finals" / "study.2.seed-77")
    assert (
        kept.facts["best_value"] == messages[2]["best_value"] and len(kept.recommend(["i1"], [1_400_000_000], k=3)) == 3
    )

    (tmp_path / "full").touch()  # where the folder is to be
    worker.begin(PARAMS, 77, "full/study.2.seed-77")
    *_, last = [worker.step() for _ in range(4)]
    assert last["test"] == messages[3]["test"] and "exists" in last["not_kept"], "test was seen: the look counts"

    worker.begin({"learning_rate": 1e30}, 77)
    failure = worker.step()["failure"]
    assert failure["reason"] == "diverged" and "training diverged" in failure["error"]


def put_model(storage: Storage, name: str, best_value: float) -> None:
    storage.write_text(f"{name}/model.json", json.dumps({"best_value": best_value}))
    storage.write_text(f"{name}/model.safetensors", "")


@pytest.mark.parametrize(("maximize", "best"), [(True, "s.1.seed-7"), (False, "s.1.seed-6")])
@pytest.mark.parametrize("place", ["local", "s3"])
def test_the_model_of_the_best_seed_on_validation_is_kept(
    request: pytest.FixtureRequest, tmp_path: Path, place: str, maximize: bool, best: str
):
    path = str(tmp_path) if place == "local" else request.getfixturevalue("s3_bucket").format(tmp_path.name)
    storage = Storage.at(path)
    seeds = (6, 7, 8, 9)
    assert best_final(storage, "s.1", seeds, maximize) is None
    for seed, value in ((6, 0.1), (7, 0.3), (8, 0.2)):
        put_model(storage, final_model_name("s.1", seed), value)
    storage.write_text("finals/s.1.seed-9/model.safetensors", "")  # its deleting was cut off
    others = ["s.1.2.seed-6", "s.1.seed-5", "s.11.seed-6"]  # of the study s.1, without a look, and of another trial
    for name in others:
        put_model(storage, f"finals/{name}", 0.0 if best.endswith("6") else 0.9)
    for _ in range(2):
        assert best_final(storage, "s.1", seeds, maximize) == f"finals/{best}"
        keep_only_final(storage, f"finals/{best}", "s.1", seeds)
        assert storage.names("finals") == sorted([*others, best])


def test_only_a_finalisation_reads_a_data_set_that_is_not_sealed(tiny_root: Path):
    assert tiny_plan(tiny_root).dataset.is_sealed
    folder = Path(runs.__file__).parents[1]
    readers = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if "load_dataset(" in path.read_text(encoding="utf-8")
    }
    assert readers == {
        "planning/plan.py",  # which seals it
        "stored/data.py",  # for the next four
        "finals/session.py",
        "ablation/session.py",  # which seals it
        "replicates/session.py",  # which seals it
        "stored/reproduce_session.py",  # its training seals it
    }
