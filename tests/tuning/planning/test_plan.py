"""What a plan says of a study before anything runs."""

import json
from pathlib import Path

import pytest
from finished_study import save_study, tiny_plan
from tiny_search import write_tiny

from athwe.config import TrainingConfig
from athwe.config_files import default_config_root, read_yaml
from athwe.errors import ConfigError
from athwe.model_keys import COUNTED, MODEL_KEYS, MODEL_NAMES
from tuning.errors import SearchError
from tuning.planning.plan import make_plan, matching_study
from tuning.store import Store

TRAINED = [name for name in MODEL_NAMES if name not in COUNTED]


def test_the_spec_holds_the_published_values_of_what_is_searched_beside_trial_0(tmp_path: Path):
    write_tiny(tmp_path)
    plan = make_plan({"dataset": "tiny", "dataset_root": str(tmp_path), "set": ["beta=0.4", "n_clusters=2"]})
    spec = plan.spec("s", concurrency=1, gpus_per_trial=0)
    assert spec.published.keys() == spec.settings.space.root.keys()
    assert (spec.published["beta"], spec.config.beta) == (0.2, 0.4)


@pytest.mark.parametrize("model", TRAINED)
def test_every_parameter_of_a_model_s_space_acts_where_every_modality_is_there(tmp_path: Path, model: str):
    plan = tiny_plan(write_tiny(tmp_path), model=model)
    shipped = read_yaml(default_config_root() / "search" / f"{model.lower()}.yaml")["space"]
    assert plan.config.model == model
    assert list(plan.settings.space.root) == list(shipped), "one was dropped as inert"
    assert shipped.keys() <= MODEL_KEYS[model] | TrainingConfig.model_fields.keys()
    published = plan.spec("s", 1, 0).published
    assert published.get("temperature") == {"ATHWE": 0.1, "HM4SR": 0.2, "UniSRec": 0.07}.get(model)


@pytest.mark.parametrize("model", COUNTED)
def test_a_model_that_counts_has_one_trial(tmp_path: Path, model: str):
    root = write_tiny(tmp_path)
    plan = tiny_plan(root, model=model)
    assert (plan.settings.trials, plan.settings.space.root) == (1, {})
    with pytest.raises(SearchError, match=f"nothing is searched of {model} on tiny, and 2 trials"):
        tiny_plan(root, model=model, trials=2)


def test_a_model_that_needs_text_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(ConfigError, match="UniSRec needs text features"):
        tiny_plan(write_tiny(tmp_path, modalities=()), model="UniSRec")


def test_a_flag_goes_below_set_and_a_model_may_be_set_in_either(tmp_path: Path):
    root = write_tiny(tmp_path)
    given = {"dataset": "tiny", "dataset_root": str(root), "set": ["model=SASRec"]}
    assert make_plan(given).config.model == make_plan(given | {"model": "HM4SR"}).config.model == "SASRec"
    assert "n_layers" in make_plan(given).settings.space.root


def test_a_study_from_before_there_were_models_goes_on_as_athwe(tmp_path: Path):
    root = write_tiny(tmp_path / "data")
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        spec = save_study(store, tiny_plan(root), tmp_path / "files")
        older = json.loads(spec.model_dump_json())
        for key in ("model", "start_expert_num", "temporal_expert_num", "interval_scale", "n_exps",
                    "adaptor_dropout_prob", "train_type"):  # fmt: skip
            del older["config"][key]
        row = (store.study("study") or {}) | {"spec": older}
        found, plan = matching_study([row], {})
        assert found["study_name"] == "study" and plan.config.model == "ATHWE"
        with pytest.raises(SearchError, match="config.model is ATHWE there and SASRec here"):
            matching_study([row], {"model": "SASRec"})


def test_a_study_keeps_its_split_and_one_from_before_there_was_a_choice_is_leave_one_out(tmp_path: Path):
    root = write_tiny(tmp_path / "data")
    by_time = ["split=time", "valid_from=0.6", "test_from=0.8"]
    plan = make_plan({"dataset": "tiny", "dataset_root": str(root), "set": ["n_clusters=2", *by_time]})
    assert plan.dataset.cut and plan.dataset.timestamp.max() < plan.dataset.cut.test_from, "sealed"
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        spec = save_study(store, tiny_plan(root), tmp_path / "files")
        assert spec.data_fingerprint != plan.dataset.fingerprint
        older = json.loads(spec.model_dump_json())
        for key in ("split", "valid_from", "test_from"):
            del older["config"][key]
        row = (store.study("study") or {}) | {"spec": older}
        assert matching_study([row], {})[1].config.split == "leave_one_out"
        with pytest.raises(SearchError, match="fingerprint|config.split"):
            matching_study([row], {"set": [*older["flags"]["set"], *by_time]})


def test_a_data_set_that_changed_since_the_search_is_said_to_be_other_data(tmp_path: Path):
    root = write_tiny(tmp_path / "data")
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        save_study(store, tiny_plan(root), tmp_path / "files")
        row = store.study("study") or {}
    interactions = root / "tiny" / "tiny.inter"
    header, first, *rest = interactions.read_text().splitlines()
    user, item, timestamp = first.split("\t")
    moved = "\t".join((user, item, str(int(timestamp) + 1)))
    interactions.write_text("\n".join([header, moved, *rest]) + "\n")
    with pytest.raises(
        SearchError, match="study 'study' was made on other data .* give the same data by --dataset-root"
    ):
        matching_study([row], {})


def test_the_split_cannot_be_searched(tmp_path: Path):
    root = write_tiny(tmp_path / "data")
    (tmp_path / "space.yaml").write_text("space: {split: {type: categorical, choices: [time, leave_one_out]}}\n")
    with pytest.raises(ConfigError, match="split"):
        tiny_plan(root, search_space=str(tmp_path / "space.yaml"))
