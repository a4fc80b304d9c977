"""Encoders of random weights in local folders, and a small data set with texts and pictures for them."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from athwe.command_line import Parser
from athwe.prepare.features import add_feature_flags
from tests.conftest import write_tiny_dataset

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] . tea green black coffee cup item".split()
WIDTH, PROJECTION = 16, 12


def write_bert(folder: Path, positions: int = 512, seed: int = 5, masked: bool = False) -> Path:
    """A two-layer BERT; with `masked` as trained on masked words, so without a pooler."""
    from transformers import BertConfig, BertForMaskedLM, BertModel

    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=positions,
    )
    torch.manual_seed(seed)
    (BertForMaskedLM if masked else BertModel)(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    return folder


def write_clip(folder: Path) -> Path:
    """A one-layer CLIP for pictures of 32 pixels."""
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(6)
    config = CLIPConfig(
        text_config={**small, "vocab_size": 20, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=PROJECTION,
    )
    CLIPModel(config).save_pretrained(folder)
    _write_preprocessing(folder, "CLIPImageProcessor", {"shortest_edge": 32})
    return folder


def write_classifier(folder: Path) -> Path:
    """A ViT trained to classify, whose checkpoint has no pooler."""
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(7)
    config = ViTConfig(
        hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8
    )
    ViTForImageClassification(config).save_pretrained(folder)
    _write_preprocessing(folder, "ViTImageProcessor", {"height": 32, "width": 32})
    return folder


def write_shop(root: Path, name: str = "shop") -> Path:
    """30 items i0 to i29: i0 has no text, i1 no picture, i2 a broken one; the words and colour of the others differ."""
    folder = write_tiny_dataset(root, name)
    for path in folder.glob("*.pt"):
        path.unlink()
    (folder / "images").mkdir()
    random = np.random.default_rng(1)
    lines = ["item_id:token\ttitle:token\tcategories:token_seq\tdescription:token"]
    for number in range(30):
        words = "" if number == 0 else " ".join(random.choice(WORDS[6:], 3 + number))
        lines.append(f"i{number}\t{words}\t\t")
        if number != 1:
            picture = Image.new("RGB", (40, 30), tuple(random.integers(0, 255, 3).tolist()))
            picture.save(folder / "images" / f"i{number}.jpg")
    (folder / f"{name}.item").write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = (folder / "images" / "i2.jpg").read_bytes()
    (folder / "images" / "i2.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


def flags(*arguments: str | Path) -> argparse.Namespace:
    """Parsed flags of `write_features`."""
    parser = Parser("test", None)
    add_feature_flags(parser)
    return parser.parse_args([str(argument) for argument in arguments])


def _write_preprocessing(folder: Path, kind: str, size: dict[str, int]) -> None:
    settings = {
        "image_processor_type": kind,
        "size": size,
        "crop_size": {"height": 32, "width": 32},
        "do_resize": True,
        "do_center_crop": kind.startswith("CLIP"),
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
