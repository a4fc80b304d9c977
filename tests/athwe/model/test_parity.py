"""The model against golden outputs of the published class, corrected as `MODEL.md` says (its section Proof)."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from athwe.config import MODALITIES, ModelConfig
from athwe.data import Batch, Catalogue
from athwe.model.athwe import ATHWE
from athwe.model.packed import Packed, pack
from athwe.model.shape import ModelShape
from athwe.model.step import Step
from athwe.model.time_gaps import time_gaps

VARIABLE = "ATHWE_PARITY_DIR"
DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "parity"
TOLERANCE = 1e-4
LOSS_NAMES = {
    "loss_next_item": "next_item",
    "loss_id_contrastive": "item_contrast",
    "loss_temporal_contrastive": "temporal_contrast",
    "loss_attribute": "attribute",
    "loss_cluster": "cluster",
    "loss_diversity": "expert_diversity",
}


def golden_files() -> list[Path]:
    return sorted(Path(os.environ.get(VARIABLE, DEFAULT)).glob("*.npz"))


def test_parity_folder_has_files():
    if VARIABLE not in os.environ and not DEFAULT.exists():
        pytest.skip(f"no golden data at {DEFAULT}; name their folder in {VARIABLE}")
    assert golden_files(), f"no .npz in {os.environ.get(VARIABLE, DEFAULT)}"


@pytest.fixture(scope="module", params=golden_files(), ids=lambda path: path.stem)
def golden(request):
    with np.load(request.param) as archive:
        return {key: torch.from_numpy(archive[key]) for key in archive.files if key != "config"} | {
            "config": json.loads(str(archive["config"]))
        }


@pytest.fixture(scope="module")
def catalogue(golden):
    return Catalogue(
        n_items=len(golden["weight/item_embedding.weight"]),
        features={name: golden[f"weight/{name}_embedding.weight"] for name in ("txt", "img")},
        attributes=golden["weight/cat_embedding.weight"],
        clusters={name: golden[f"input/{name}_cluster"] for name in ("txt", "img")},
    )


@pytest.fixture(scope="module")
def model(golden, catalogue):
    config = ModelConfig(**{key: golden["config"][key] for key in ModelConfig.model_fields if key in golden["config"]})
    shape = ModelShape(
        modalities=MODALITIES,
        n_items=catalogue.n_items,
        max_length=golden["config"]["MAX_ITEM_LIST_LENGTH"],
        feature_widths={name: table.shape[1] for name, table in catalogue.features.items()},
        n_attributes=catalogue.attributes.shape[1],
        n_clusters=dict.fromkeys(("txt", "img"), golden["config"]["n_clusters"]),
    )
    model = ATHWE(config, shape).eval()
    weights = {key.removeprefix("weight/"): value for key, value in golden.items() if key.startswith("weight/")}
    model.load_state_dict(translate(weights, model))
    return model


def translate(published: dict, model: ATHWE) -> dict:
    """Published parameter names to ours."""
    ours = {
        "item_tables.item.weight": published["item_embedding.weight"],
        "streams.position.weight": published["position_embedding.weight"],
        "alignment.gate": gates(published, model.config.wavelet_J),
        "alignment.weight": published["time_moe.wavelet_aligner.weight"],
        "time_gap.table.weight": published["time_moe.time_embed.weight"],
        "experts.shared": published["time_moe.moe.shared_experts"],
        "experts.routed": published["time_moe.moe.routed_experts"],
        "fusion": published["fusion_weights"],
    }
    modules = {
        "time_moe.time_routing_proj": "experts.router.hidden",
        "time_moe.moe.router.gate": "experts.router.gate",
        "txt_projection": "item_tables.txt",
        "img_projection": "item_tables.img",
        "placeholder_txt": "placeholder.txt",
        "placeholder_img": "placeholder.img",
        "txt_classifier": "cluster_head.txt",
        "img_classifier": "cluster_head.img",
        "cat_linear": "attribute_head",
    }
    for theirs, mine in modules.items():
        for kind in ("weight", "bias"):
            ours[f"{mine}.{kind}"] = published[f"{theirs}.{kind}"]
    return ours | encoders(published, model)


def encoders(published: dict, model: ATHWE) -> dict:
    """The published encoders, one a modality, stacked: (M, in, out) for products, (M, 1, 1, H) for norms."""
    sources = {"norm": ["ln"]}
    for layer in range(model.config.n_layers):
        theirs, mine = f"seq.layer.{layer}", f"layers.{layer}"
        sources |= {
            f"{mine}.query": [f"{theirs}.multi_head_attention.query"],
            f"{mine}.key_value": [f"{theirs}.multi_head_attention.{part}" for part in ("key", "value")],
            f"{mine}.output": [f"{theirs}.multi_head_attention.dense"],
            f"{mine}.attention_norm": [f"{theirs}.multi_head_attention.LayerNorm"],
            f"{mine}.widen": [f"{theirs}.feed_forward.dense_1"],
            f"{mine}.narrow": [f"{theirs}.feed_forward.dense_2"],
            f"{mine}.feed_forward_norm": [f"{theirs}.feed_forward.LayerNorm"],
        }
    stacked = {}
    for mine, theirs in sources.items():
        for kind in ("weight", "bias"):
            each = [torch.cat([published[f"{name}_{part}.{kind}"] for part in theirs]) for name in MODALITIES]
            value = torch.stack([weight.T if weight.ndim == 2 else weight for weight in each])
            stacked[f"encoders.{mine}.{kind}"] = value.reshape(model.state_dict()[f"encoders.{mine}.{kind}"].shape)
    return stacked


def gates(published: dict, levels: int) -> torch.Tensor:
    """(bands, targets, sources, H, H): the low band, then the high ones from the finest on."""
    prefix = "time_moe.wavelet_aligner"
    names = ["{prefix}.low_g.{target}.{source}.weight"]
    names += ["{prefix}.high_g.{target}." + str(level) + ".{source}.weight" for level in range(levels)]
    return torch.stack(
        [
            torch.stack(
                [
                    torch.stack(
                        [published[name.format(prefix=prefix, target=target, source=source)] for source in range(3)]
                    )
                    for target in MODALITIES
                ]
            )
            for name in names
        ]
    )


@pytest.fixture(scope="module")
def batch(golden):
    return Batch(
        item_sequence=golden["input/item_sequence"],
        timestamp=golden["input/timestamp"],
        length=golden["input/length"],
        target=golden["input/target"],
    )


def assert_close(actual, expected):
    torch.testing.assert_close(actual.detach(), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_parity_of_every_weight_is_used(golden, model):
    used = sum(parameter.numel() for parameter in model.parameters())
    frozen = re.compile(r"weight/((txt|img|cat)_embedding|time_moe\.wavelet_aligner\.i?dwt\.)")
    given = sum(value.numel() for key, value in golden.items() if key.startswith("weight/") and not frozen.match(key))
    assert used == given


def test_parity_of_tokens(golden, model, catalogue, batch):
    tables = model.item_tables(catalogue)
    packed = Packed.of(batch)
    tokens = model.tokens(packed, tables)
    streams = model.streams(packed, tables)
    actual = {
        "time_embedding": tokens.time_embedding,
        "moe_output": tokens.experts_output.flatten(1),
        "wavelet_residual": (model.alignment(streams, packed) - streams).flatten(1),
    }
    valid = batch.item_sequence != 0
    for name, values in actual.items():
        (block,) = packed.blocks(values)
        assert_close(block.transpose(0, 1)[valid], golden[f"output/{name}"][valid])


def test_parity_of_sequences_and_scores(golden, model, catalogue, batch):
    tables = model.item_tables(catalogue)
    encoded = model.encode(Packed.of(batch), tables, pack([golden["input/placeholder_mask"]]))
    for index, name in enumerate(MODALITIES):
        assert_close(encoded.user[:, index], golden[f"output/sequence_{name}"])
    for index, name in enumerate(("txt", "img")):
        assert_close(encoded.augmented[:, index], golden[f"output/augmented_sequence_{name}"])
    assert_close(model.score(encoded.user, tables), golden["output/scores"])


def test_parity_of_losses(golden, model, catalogue, batch):
    step = Step.of_batches([batch], [golden["input/placeholder_mask"]])
    parts = model.losses(step, catalogue)
    config = model.config
    applied = {"temporal_contrast": config.phcl_weight, "expert_diversity": config.cosine_lambda}
    for theirs, mine in LOSS_NAMES.items():
        assert_close(parts[mine] * applied.get(mine, 1.0), golden[f"output/{theirs}"])
    total = sum(weight * parts[name] for name, weight in model.loss_weights.items())
    assert_close(total, golden["output/loss_total"])


def test_parity_of_time_gaps_is_exact_in_seconds(golden):
    mask = golden["input/item_sequence"] != 0
    gap_seconds = time_gaps(golden["input/timestamp"], mask)
    later = golden["input/timestamp"][:, 1:] - golden["input/timestamp"][:, :-1]
    assert torch.equal(gap_seconds[:, 1:][mask[:, 1:]], later[mask[:, 1:]])
    assert (gap_seconds[:, 0] == 1).all()
