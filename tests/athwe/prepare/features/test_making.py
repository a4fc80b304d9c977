"""From a data set folder to feature files: rows by internal item, zero where nothing is, nothing encoded twice."""

import json
import logging
import shutil
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import torch
from tiny_encoders import PROJECTION, WIDTH, flags, write_shop

from athwe.config import Config
from athwe.data import load_dataset
from athwe.data.interactions import read_interactions
from athwe.data.tables import file_digest
from athwe.errors import DataError
from athwe.prepare.features import write_features
from athwe.prepare.features.image_encoders import VisionEncoder, choose_image_encoder
from athwe.prepare.features.text_encoders import PooledEncoder, choose_text_encoder

CPU = torch.device("cpu")


@pytest.fixture
def encoded(monkeypatch) -> Counter:
    """How many texts and pictures the real encoders were given."""
    counts: Counter = Counter()

    def counting(kind, original):
        def encode(self, prepared):
            counts[kind] += len(prepared)
            return original(self, prepared)

        return encode

    monkeypatch.setattr(PooledEncoder, "encode", counting("text", PooledEncoder.encode))
    monkeypatch.setattr(VisionEncoder, "encode", counting("picture", VisionEncoder.encode))
    return counts


def numbers(folder) -> dict[str, int]:
    tokens = read_interactions(folder / f"{folder.name}.inter", Config()).item_tokens.tolist()
    return {token: number for number, token in enumerate(tokens)}


def load(path) -> torch.Tensor:
    return torch.load(path, weights_only=True)


def test_row_i_is_item_i_by_the_loaders_own_numbering(shop, bert, clip):
    write_features(shop, "shop", flags("--text-encoder", bert, "--image-encoder", clip, "--feature-batch-size", 7))
    text, image = load(shop / "txt_emb.pt"), load(shop / "img_emb.pt")
    assert text.shape == (31, WIDTH) and image.shape == (31, PROJECTION)
    assert text.dtype == image.dtype == torch.float32 and not text[0].any() and not image[0].any()
    number_of = numbers(shop)
    titles = dict(line.split("\t")[:2] for line in (shop / "shop.item").read_text().splitlines()[1:])
    reader, viewer = choose_text_encoder(str(bert), "cls", CPU).load(), choose_image_encoder(str(clip), CPU).load()
    for token in ("i3", "i17", "i29"):
        row = reader.encode([titles[token] + "."])[0]
        np.testing.assert_allclose(text[number_of[token]], row, atol=1e-5)
        row = viewer.encode([viewer.prepare(shop / "images" / f"{token}.jpg")])[0]
        np.testing.assert_allclose(image[number_of[token]], row, atol=1e-5)
    dataset = load_dataset("shop", shop.parent, Config())
    assert set(dataset.features) == {"txt", "img"}


def test_items_that_lack_something_get_zero_rows_and_are_named(shop, bert, clip, caplog):
    caplog.set_level(logging.INFO)
    text, image = write_features(shop, "shop", flags("--text-encoder", bert, "--image-encoder", clip))
    number_of = numbers(shop)
    zero = [~load(path).any(dim=1) for path in (text.path, image.path)]
    assert set(zero[0].nonzero().flatten().tolist()) == {0, number_of["i0"]}
    assert set(zero[1].nonzero().flatten().tolist()) == {0, number_of["i1"], number_of["i2"]}
    assert (list(text.without), list(image.without), list(image.unreadable)) == (["i0"], ["i1"], ["i2"])
    assert "1 items have no text and get a zero row: i0" in caplog.text
    assert "1 pictures cannot be used, their items get a zero row: i2 (cannot be decoded" in caplog.text


def test_the_record_says_what_made_them(shop, bert):
    write_features(shop, "shop", flags("--text-encoder", bert, "--text-fields", "title"))
    record = json.loads((shop / "features.json").read_text())["txt_emb.pt"]
    assert record["sha256"] == file_digest(shop / "txt_emb.pt")
    assert (record["encoder"], record["revision"], record["pooling"]) == (str(bert), None, "cls")
    assert (record["width"], record["max_tokens"], record["items"], record["zero_rows"]) == (WIDTH, 512, 30, 1)
    assert record["text_fields"] == ["title"] and record["precision"] == "fp32"
    assert record["libraries"]["torch"] == torch.__version__ and "transformers" in record["libraries"]


def test_what_was_encoded_in_any_data_set_is_not_encoded_again(shop, bert, clip, encoded, tmp_path):
    options = flags("--text-encoder", bert, "--image-encoder", clip)
    write_features(shop, "shop", options)
    assert encoded == {"text": 29, "picture": 28}
    first = (shop / "txt_emb.pt").read_bytes()

    write_features(shop, "shop", options)
    other = write_shop(tmp_path / "elsewhere", "other")
    write_features(other, "other", options)
    assert encoded == {"text": 29, "picture": 28}
    assert (shop / "txt_emb.pt").read_bytes() == first == (other / "txt_emb.pt").read_bytes()

    lines = (other / "other.item").read_text().replace("i7\t", "i7\tnew words ", 1)
    (other / "other.item").write_text(lines)
    shutil.copy(other / "images" / "i9.jpg", other / "images" / "i1.jpg")  # an item more, the picture known
    text, image = write_features(other, "other", options)
    assert (text.encoded, image.encoded) == (1, 0) and encoded == {"text": 30, "picture": 28}
    assert torch.equal(*load(other / "img_emb.pt")[[numbers(other)["i1"], numbers(other)["i9"]]])


def test_a_run_killed_in_the_middle_goes_on_where_it_was(shop, bert, encoded, tmp_path, own_cache):
    lines = ["item_id:token\ttitle:token", *(f"i{number}\t{'tea ' * (600 + number)}" for number in range(30))]
    (shop / "shop.item").write_text("\n".join(lines) + "\n")
    arguments = ["shop", "--dataset-root", str(shop.parent), "--text-encoder", str(bert), "--feature-batch-size", "1"]
    process = subprocess.Popen([sys.executable, "-m", "athwe.prepare", "features", *arguments])
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size for path in own_cache.glob("encoded/*/rows")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.wait()
    (rows,) = own_cache.glob("encoded/*/rows")
    done = rows.stat().st_size // (32 + 4 * WIDTH + 4)
    assert 0 < done < 30 and not (shop / "txt_emb.pt").exists()
    (report,) = write_features(shop, "shop", flags("--text-encoder", bert))
    assert report.encoded == encoded["text"] == 30 - done
    assert load(shop / "txt_emb.pt")[1:].any(dim=1).all()


def test_features_from_elsewhere_are_only_replaced_when_told(shop, bert):
    torch.save(torch.ones(3), shop / "txt_emb.pt")
    with pytest.raises(DataError, match="was not made by this command; --replace-features"):
        write_features(shop, "shop", flags("--text-encoder", bert))
    assert load(shop / "txt_emb.pt").shape == (3,)
    write_features(shop, "shop", flags("--text-encoder", bert, "--replace-features"))
    write_features(shop, "shop", flags("--text-encoder", bert))  # ours now
    assert load(shop / "txt_emb.pt").shape == (31, WIDTH)
    torch.save(torch.ones(31, 3), shop / "txt_emb.pt")  # put over ours by hand
    with pytest.raises(DataError, match="was not made by this command"):
        write_features(shop, "shop", flags("--text-encoder", bert))


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "[]", '{"txt_emb.pt": "mine"}'])
def test_a_record_that_is_none_is_refused_in_one_line(shop, bert, text):
    torch.save(torch.ones(3), shop / "txt_emb.pt")
    (shop / "features.json").write_text(text)
    with pytest.raises(DataError, match="remove it|must hold one entry|was not made by this command"):
        write_features(shop, "shop", flags("--text-encoder", bert))


def test_keyed_features_that_would_be_read_instead_are_pointed_out(shop, bert):
    from safetensors.torch import save_file

    save_file({"txt": torch.ones(1, 2)}, shop / "features.safetensors", metadata={"item_tokens": "i1"})
    with pytest.raises(DataError, match="goes before txt_emb.pt"):
        write_features(shop, "shop", flags("--text-encoder", bert))


def test_a_numbering_of_other_interactions_is_refused(shop, bert):
    (shop / "items.tsv").write_text("internal_id\titem_id\n1\tsomething\n")
    with pytest.raises(DataError, match=r"gives item 1 as 'something'.* Remove it and the .pt files"):
        write_features(shop, "shop", flags("--text-encoder", bert))
    assert not (shop / "txt_emb.pt").exists()


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, (), "which does not exist"),
        ("item_id:token\tbrand:token\ni1\ttea\n", (), "has none of the columns title, categories, description"),
        ("item_id:token\ttitle:token\ni1\ttea\n", ("--text-fields", "brand"), "has no column 'brand'"),
        ("item_id:token\ttitle:token\ni1\t \n", (), "no item of .* has a text that can be read"),
    ],
)
def test_a_data_set_without_texts_is_one_line(shop, bert, content, arguments, message):
    (shop / "shop.item").unlink()
    if content:
        (shop / "shop.item").write_text(content)
    with pytest.raises(DataError, match=message):
        write_features(shop, "shop", flags("--text-encoder", bert, *arguments))
    assert not (shop / "txt_emb.pt").exists() and not (shop / "features.json").exists()


def test_pictures_that_are_all_broken_write_nothing(shop, clip):
    for path in (shop / "images").iterdir():
        path.write_bytes(b"gone")
    with pytest.raises(DataError, match="no item of .* has a picture that can be read"):
        write_features(shop, "shop", flags("--image-encoder", clip))
    assert not (shop / "img_emb.pt").exists()
