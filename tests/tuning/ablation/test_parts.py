"""What can be taken out: only what acts, and what the model itself says acts."""

from pathlib import Path
from typing import Any

import pytest
from tiny_search import write_tiny

from athwe.config import Config
from athwe.config_files import load_config, override_config
from athwe.data import Dataset, load_dataset
from athwe.model.time_gaps import gap_buckets
from athwe.training.trainer import Trainer
from tuning.ablation.parts import NAMES, PARTS, SHARES, title_of
from tuning.ablation.variants import FULL, Variant, ablation_of, missing_runs

SMALL = ("hidden_size=16", "inner_size=32", "MAX_ITEM_LIST_LENGTH=8", "n_clusters=5", "epochs=1", "device=cpu")
LOSSES = ("item_contrast", "temporal_contrast", "attribute", "cluster", "expert_diversity")


def config_of(*values: str) -> Config:
    return load_config("tiny", overrides=[*SMALL, *values])


def data_of(root: Path, config: Config) -> Dataset:
    return load_dataset("tiny", root, config).sealed()


@pytest.fixture(scope="module")
def bare_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("bare"), modalities=("txt",), categories=False)


def test_every_part_has_a_title_and_a_flag():
    assert {*NAMES} == {"item", "txt", "img", *PARTS, SHARES} and len(NAMES) == len({*NAMES})
    assert all(title_of(part) for part in NAMES if part != SHARES)


def test_of_athwe_with_everything_all_parts_can_be_taken_out(tiny_root: Path):
    config = config_of("diversity_weight=0.9")
    found = ablation_of(config, data_of(tiny_root, config))
    assert {*found.without} == {*NAMES} - {SHARES} and found.not_run == {}
    names = {"+".join(sorted(subset)): variant.name for subset, variant in found.subsets.items()}
    assert names == {
        "img+item+txt": "full", "item+txt": "without-img", "img+item": "without-txt", "img+txt": "without-item",
        "item": "only-item", "txt": "only-txt", "img": "only-img", "": "popularity",
    }  # fmt: skip
    assert found.without["img"] == found.subsets[frozenset({"item", "txt"})], "one run for both"
    assert len(found.variants()) == len({one.name for one in found.variants()}) == 1 + 12 + 3 + 1
    assert found.variants()[0].name == FULL


@pytest.mark.parametrize(
    "values",
    [
        (), ("phcl_weight=0",), ("routed_expert_nums=0", "moe_topk=1"), ("routed_expert_nums=1", "moe_topk=1"),
        ("cosine_lambda=0",), ("modalities=[item]",), ("modalities=[txt,img]",), ("model=HM4SR",),
        ("model=SASRec",), ("cluster_weight=0",),
    ],
)  # fmt: skip
@pytest.mark.parametrize("which", ["tiny", "bare"])
def test_a_loss_can_be_taken_out_where_the_model_has_it_and_is_gone_then(
    tiny_root: Path, bare_root: Path, which: str, values: tuple[str, ...]
):
    if which == "bare" and "modalities=[txt,img]" in values:
        values = ("modalities=[txt]",)
    config = config_of(*values)
    dataset = data_of(tiny_root if which == "tiny" else bare_root, config)
    acting = Trainer(config, dataset).model.loss_weights.keys() - {"next_item"}
    found = ablation_of(config, dataset)
    assert {*found.without} & {*LOSSES} == acting
    for loss in acting:
        changed = override_config(config, found.without[loss].values)
        assert Trainer(changed, dataset).model.loss_weights.keys() - {"next_item"} == acting - {loss}


def reasons(root: Path, *values: str) -> dict[str, str]:
    config = config_of(*values)
    return dict(ablation_of(config, data_of(root, config)).not_run)


def test_what_does_not_act_says_why(tiny_root: Path, bare_root: Path):
    assert reasons(bare_root) == {
        "img": "it is not in use on tiny",
        "attribute": "tiny has no categories",
    }
    without = reasons(tiny_root, "wavelet_J=0", "routed_expert_nums=0", "moe_topk=1", "phcl_weight=0")
    assert without == {
        "wavelet": "wavelet_J is 0 already",
        "time": "nothing sees time",
        "routed_experts": "routed_expert_nums is 0 already",
        "temporal_contrast": "phcl_weight is 0 already",
        "expert_diversity": "fewer than two experts are routed",
    }
    one = reasons(tiny_root, "modalities=[item]")
    assert one["item"] == "it is the only modality in use" and one["cluster"].startswith("no text or image features")
    of_another = reasons(tiny_root, "model=HM4SR")
    assert of_another == dict.fromkeys(
        ("wavelet", "time", "routed_experts", "shared_experts", "cluster", "expert_diversity"), "HM4SR does not have it"
    )
    assert "temporal_contrast" in reasons(tiny_root, "model=SASRec") and SHARES in reasons(tiny_root, "model=SASRec")


def test_of_unisrec_the_items_own_embedding_can_be_taken_out(tiny_root: Path):
    config = config_of("model=UniSRec")
    found = ablation_of(config, data_of(tiny_root, config))
    assert {part: dict(one.values) for part, one in found.without.items()} == {"item": {"train_type": "inductive"}}
    assert found.not_run["txt"] == "UniSRec is made of it" and found.subsets == {}


def test_without_time_every_gap_is_the_same():
    import torch

    gaps = torch.tensor([0, 1, 60, 86_400, 4 * 10**9])
    assert gap_buckets(gaps, 500, PARTS["time"].without["time_scale"]).tolist() == [0] * 5
    assert len(set(gap_buckets(gaps, 500, 15e6).tolist())) > 1


@pytest.mark.parametrize("model", ["ATHWE", "HM4SR"])
def test_a_subset_of_the_modalities_has_their_streams_clusters_and_heads_alone(tiny_root: Path, model: str):
    config = config_of(f"model={model}", "epochs=1")
    dataset = data_of(tiny_root, config)
    for subset, variant in ablation_of(config, dataset, [SHARES]).subsets.items():
        trainer = Trainer(override_config(config, variant.values), dataset)
        assert len(list(trainer.epochs())) == 1
        if subset:
            shape = trainer.model.shape
            assert {*shape.modalities} == subset
            assert {*shape.feature_widths} == subset - {"item"}
            assert {*shape.n_clusters} == (subset - {"item"} if model == "ATHWE" else set())


def test_popularity_does_not_need_the_item_stream(tiny_root: Path):
    config = config_of("modalities=[txt,img]")
    dataset = data_of(tiny_root, config)
    [empty] = [one for subset, one in ablation_of(config, dataset).subsets.items() if not subset]
    assert list(Trainer(override_config(config, empty.values), dataset).epochs())


def test_only_what_is_asked_for_is_run(tiny_root: Path):
    config = config_of()
    found = ablation_of(config, data_of(tiny_root, config), ["wavelet", "img"])
    assert [one.name for one in found.variants()] == ["full", "without-img", "without-wavelet"]
    assert found.not_run == {} and found.subsets == {}


def names(*variants: str, seeds: tuple[int, ...], done: Any = ()) -> list[str]:
    runs = missing_runs("s.1", {}, [Variant(name, {}) for name in variants], seeds, {*done})
    return [run.name for run in runs]


def test_what_has_results_is_not_run_again_and_popularity_once_only():
    assert names("full", "popularity", seeds=(6, 7)) == [
        "ablation/s.1/full.seed-6", "ablation/s.1/popularity.seed-6", "ablation/s.1/full.seed-7",
    ]  # fmt: skip
    assert names("full", "popularity", seeds=(6, 7), done=[("full", 6), ("popularity", 5)]) == [
        "ablation/s.1/full.seed-7"
    ]
