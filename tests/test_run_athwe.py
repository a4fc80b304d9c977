"""The command line that trains one configuration."""

import errno
import os
import re

import pytest
import yaml

import athwe
from athwe.model_keys import MODEL_NAMES
from tests.conftest import TINY


@pytest.fixture
def run(tiny_root, tmp_path, monkeypatch, capsys):
    """Run it in an empty folder; gives exit code, standard output and standard error."""
    import run_athwe

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    def run_command(*arguments):
        code = run_athwe.main(
            ["--dataset", "tiny", "--dataset-root", str(tiny_root), "--config", "tiny.yaml", *arguments]
        )
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


def test_it_trains_reports_and_leaves_a_model_that_loads(run, tmp_path):
    code, out, err = run("--epochs", "2", "--output", "model")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^epoch +\d/2 .*valid/ndcg@10 0\.\d{4}", out, re.MULTILINE)) == 2
    assert "mask_seen false" in " ".join(out.split())
    assert len(athwe.load(tmp_path / "model").recommend(["i1"], [1_400_000_000], 5)) == 5


def test_the_split_is_said_and_shown_beside_the_numbers(run):
    of_old, by_time = (
        " ".join(run("--model", "Popularity", "--output", name, *flags)[1].split())
        for name, flags in {"one": (), "other": ("--set", "split=time", "--set", "valid_from=0.6")}.items()
    )
    assert "leave-one-out leaks time: " in of_old and "(split leave_one_out, mask_seen false)" in of_old
    assert "leaks" not in by_time and "(split time valid_from 0.6 test_from 0.9, mask_seen false)" in by_time
    assert re.search(
        r"split by time: valid from 2014-\S+ \S+, test from \S+ \S+ UTC; \d+ users to validate on", by_time
    )


def test_by_default_models_go_to_a_folder_of_their_own(run, tmp_path):
    assert run("--epochs", "1", "--model", "SASRec")[0] == 0
    assert [path.name.startswith("SASRec-tiny-") for path in (tmp_path / "saved").iterdir()] == [True]


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_every_model_trains_and_recommends(run, tmp_path, model):
    code, out, err = run("--epochs", "1", "--model", model, "--output", "model")
    assert (code, err) == (0, "") and f"{model} on tiny" in " ".join(out.split())
    uses = {"ATHWE": "item, txt, img", "HM4SR": "item, txt, img", "UniSRec": "txt"}.get(model, "item")
    assert f"modalities {uses} " in f"{' '.join(out.split())} "
    assert len(athwe.load(tmp_path / "model").recommend(["i1"], [1_400_000_000], 5)) == 5


def test_what_is_counted_needs_one_epoch(run):
    _, out, _ = run("--model", "Popularity")
    assert len(re.findall(r"^epoch ", out, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "nowhere"], "nowhere"),
        (["--set", "hiden_size=4"], "did you mean 'hidden_size'"),
        (["--set", "moe_topk=9"], "moe_topk 9 is above routed_expert_nums 4"),
        (["--set", "device=cuda:99"], "cuda:99"),
        (["--config", "missing.yaml"], "cannot read missing.yaml"),
        (["--epochs", "0"], "expected a whole number above 0, got '0'"),
        (["--model", "Foo"], "unknown model 'Foo'"),
        (["--model", "UniSRec", "--set", "modalities=[item]"], "UniSRec needs text features"),
        (["--epoch", "3"], "unrecognized arguments: --epoch"),
        (["--output", "tiny.yaml/model"], "cannot be made in"),
        (["--set", "n_clusters=31"], "n_clusters"),
        (["--output", "tiny.yaml"], "tiny.yaml exists already"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(run, tmp_path, arguments, message):
    before = sorted(tmp_path.iterdir())
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_that_fills_while_training_is_one_line_and_keeps_the_earlier_model(run, tmp_path, monkeypatch):
    from athwe.training import checkpoint

    save, sizes = checkpoint.save_file, []

    def save_until_full(tensors, path):
        sizes.append(path)
        if len(sizes) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        save(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", save_until_full)
    code, _, err = run("--epochs", "6", "--output", "model")
    assert code == 2
    assert err.startswith("error: cannot write the model to model: No space left on device") and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "tiny.yaml"]
    assert athwe.load(tmp_path / "model").recommend(["i1"], [1_400_000_000], 5)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system that nobody can write to")
def test_a_folder_that_cannot_be_written_is_said_before_training(run):
    code, out, err = run("--output", "/proc/model")
    assert code == 2 and "cannot be made in /proc" in err and err.count("\n") == 1
    assert "epoch" not in out
