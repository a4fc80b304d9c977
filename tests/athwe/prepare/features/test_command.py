"""The command line: one line and exit code 2 for what the user can mend."""

import json
import subprocess
import sys

import pytest
import torch
from PIL import Image

from athwe.prepare.command import main


def run(capsys, *arguments: object) -> tuple[int, str]:
    code = main(["features", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_it_adds_features_to_a_data_set(shop, bert, clip, capsys):
    code, _ = run(capsys, "shop", "--dataset-root", shop.parent, "--text-encoder", bert, "--image-encoder", clip)
    assert code == 0
    assert len(torch.load(shop / "txt_emb.pt")) == len(torch.load(shop / "img_emb.pt")) == 31


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to encode with"),
        (("--text-encoder", "./nowhere"), "no encoder folder ./nowhere"),
        (("--text-encoder", "{bert}", "--pooling", "max"), "invalid choice: 'max'"),
        (("--text-encoder", "{bert}", "--pooling", "own"), "has no pooling of its own"),
        (("--text-encoder", "{bert}", "--device", "cuda:9"), "device 'cuda:9' was asked for"),
        (("--text-encoder", "{bert}", "--device", "toaster"), "or cuda:N, got 'toaster'"),
        (("--image-encoder", "{bert}"), "cannot be loaded"),
        (("--image-encoder", "timm/some_model"), "the hub does not give it"),
    ],
)
def test_what_cannot_be_used_is_one_line(shop, bert, capsys, arguments, message):
    filled = [argument.format(bert=bert) for argument in arguments]
    code, error = run(capsys, "shop", "--dataset-root", shop.parent, *filled)
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(lines) == 1 and message in lines[0]
    assert not list(shop.glob("*.pt"))


def test_a_text_field_that_is_named_twice_is_encoded_once(shop, bert, capsys):
    assert (
        run(capsys, "shop", "--dataset-root", shop.parent, "--text-encoder", bert, "--text-fields", "title,title")[0]
        == 0
    )
    assert json.loads((shop / "features.json").read_text())["txt_emb.pt"]["text_fields"] == ["title"]


def test_features_of_another_origin_are_told_before_an_encoder_is_sought(shop, capsys):
    torch.save(torch.zeros(31, 4), shop / "txt_emb.pt")
    code, error = run(capsys, "shop", "--dataset-root", shop.parent, "--text-encoder", "nobody/nothing")
    assert code == 2 and "--replace-features" in error


@pytest.mark.parametrize("module", ["transformers", "huggingface_hub"])
def test_a_missing_extra_names_the_command_to_install_it(shop, bert, capsys, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    encoder = bert if module == "transformers" else "bert-base-uncased"
    code, error = run(capsys, "shop", "--dataset-root", shop.parent, "--text-encoder", encoder)
    assert code == 2 and f"needs {module}" in error and "pip install -c constraints.txt -e '.[prepare]'" in error


def test_nothing_heavy_is_imported_until_an_encoder_is_asked_for():
    script = "import sys, athwe.prepare.command; print('transformers' in sys.modules, 'rich' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["False", "True"]


def test_the_run_that_prepares_a_data_set_makes_its_features_numbered_by_the_filter_of_that_run(flags, bert, tmp_path):
    where = ["--name", "made", "--output", str(tmp_path / "data"), "--config-folder", str(tmp_path / "config")]
    assert main([*flags, *where, "--text-encoder", str(bert)]) == 0
    folder = tmp_path / "data" / "made"
    listed = (folder / "items.tsv").read_text().splitlines()[1:]
    features = torch.load(folder / "txt_emb.pt")
    assert len(features) == len(listed) + 1 and features[1:].any()


def test_thumbnails_that_an_encoder_reads_are_larger(flags, clip, tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (600, 400), "red").save(tmp_path / "pictures" / "10.png")
    where = ["--output", str(tmp_path / "data"), "--config-folder", str(tmp_path / "config")]
    for name, encoder, size in (("shown", [], (160, 107)), ("encoded", ["--image-encoder", str(clip)], (336, 224))):
        assert main([*flags, "--name", name, *where, "--images", str(tmp_path / "pictures"), *encoder]) == 0
        with Image.open(tmp_path / "data" / name / "images" / "10.jpg") as thumbnail:
            assert thumbnail.size == size


def test_features_are_added_under_the_filter_of_another_config_folder(flags, bert, tmp_path):
    where = ["--config-folder", str(tmp_path / "config")]
    assert main([*flags, *where, "--name", "made", "--output", str(tmp_path / "data")]) == 0
    added = ["features", "made", "--dataset-root", str(tmp_path / "data"), *where, "--text-encoder", str(bert)]
    assert main(added) == 0
    listed = (tmp_path / "data" / "made" / "items.tsv").read_text().splitlines()[1:]
    assert len(torch.load(tmp_path / "data" / "made" / "txt_emb.pt")) == len(listed) + 1
