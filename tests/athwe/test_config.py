import logging

import pytest
import yaml

from athwe.config import Config, parse_interval
from athwe.config_files import build_config, load_config, override_config, parse_override, published_config
from athwe.errors import ConfigError
from athwe.model_keys import COUNTED, MODEL_NAMES

PUBLISHED_DATASET = """
n_layers: 2
n_heads: 2
hidden_size: 64
inner_size: 256
hidden_dropout_prob: 0.5
attn_dropout_prob: 0.5
hidden_act: 'gelu'
layer_norm_eps: 1e-12
initializer_range: 0.02
initializer_weight: [0.1, 1.0, 1.0]
loss_type: 'CE'
moe_topk: 6
shared_expert_nums: 1
routed_expert_nums: 8
temperature: 0.1
beta: 0.2
phcl_temperature: 1.0
phcl_weight: 1.0
time_scale: 15000000
n_clusters: 100
time_span: 200
diversity_weight: 0.9
wavelet_J: 4
cosine_lambda: 1.0
expert_num: 4
gate_selection: softmax
start_expert_num: 4
start_gate_selection: softmax
temporal_expert_num: 4
temporal_gate_selection: softmax
interval_scale: 100
expert_type: ffn
share_moe: True
pretrained_embedding: True
USER_ID_FIELD: user_id
ITEM_ID_FIELD: item_id
load_col:
  inter: [user_id, item_id, timestamp]
  item: [item_id, title, sales_rank, price, brand, categories, sales_type]
"""
PUBLISHED_DATA = r"""
gpu_id: '0'
seed: 2025
show_progress: True
topk: [5, 10, 20, 50]
metrics: ["NDCG", "MRR"]
field_separator: "\t"
seq_separator: " "
TIME_FIELD: timestamp
ITEM_LIST_LENGTH_FIELD: item_length
LIST_SUFFIX: _list
MAX_ITEM_LIST_LENGTH: 50
shuffle: True
POSITION_FIELD: position_id
user_inter_num_interval: "[5,inf)"
item_inter_num_interval: "[5,inf)"
epochs: 20
train_batch_size: 1024
learner: adam
learning_rate: 0.001
eval_batch_size: 1024
valid_metric: NDCG@10
valid_metric_bigger: True
eval_args:
  split: {'LS': 'valid_and_test'}
  group_by: user
  order: TO
  mode: full
neg_sampling: ~
train_neg_sample_args: ~
eval_step: 1
stopping_step: 30
loss_decimal_place: 5
metric_decimal_place: 5
training_neg_sample_num: 0
data_path: 'dataset/'
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data.yaml").write_text(PUBLISHED_DATA)
    (tmp_path / "Home_and_Kitchen.yaml").write_text(PUBLISHED_DATASET)
    return tmp_path


def test_the_authors_files_work_as_they_are_and_are_the_defaults(folder, caplog):
    with caplog.at_level(logging.WARNING):
        config = load_config("Home_and_Kitchen", config_root=folder)
    assert config == Config()
    assert len(caplog.records) == 1
    message = caplog.text
    for key in ("gpu_id", "expert_num", "share_moe", "load_col", "metric_decimal_place", "POSITION_FIELD"):
        assert key in message


def test_our_own_published_configuration_is_the_default():
    config = load_config("Home_and_Kitchen")
    assert config == Config(metrics=config.metrics)


def test_later_layers_win(folder, tmp_path):
    extra = tmp_path / "extra.yaml"
    extra.write_text("epochs: 3\nbeta: 0.4\n")
    config = load_config("unknown", files=[extra], overrides=["beta=0.5", "topk=[10]"], config_root=folder)
    assert (config.epochs, config.beta, config.topk) == (3, 0.5, (10,))


def test_a_model_s_file_lies_over_the_data_set_s_and_below_what_is_given(folder, tmp_path):
    (folder / "model").mkdir()
    (folder / "model" / "HM4SR.yaml").write_text("beta: 0.3\ntemperature: 0.2\nepochs: 100\n")
    extra = tmp_path / "extra.yaml"
    extra.write_text("model: HM4SR\nepochs: 7\n")
    config = load_config("Home_and_Kitchen", files=[extra], overrides=["temperature=0.5"], config_root=folder)
    assert (config.model, config.beta, config.epochs, config.temperature) == ("HM4SR", 0.3, 7, 0.5)
    assert load_config("Home_and_Kitchen", config_root=folder) == Config(), "another model's file"


def test_the_shipped_files_hold_what_the_authors_set():
    found = load_config("Home_and_Kitchen", overrides=["model=HM4SR"])
    assert (found.initializer_weight, found.temperature, found.beta) == ((0.0, 1.0, 1.0), 0.2, 0.3)
    assert (found.epochs, found.stopping_step, found.start_expert_num, found.temporal_expert_num) == (100, 10, 4, 4)
    assert published_config("HM4SR").beta == 0.3 and published_config("ATHWE") == Config()
    found = load_config("Home_and_Kitchen", overrides=["model=UniSRec"])
    assert (found.temperature, found.n_exps, found.adaptor_dropout_prob) == (0.07, 8, 0.2)


@pytest.mark.parametrize(
    ("model", "given", "unread"),
    [
        ("SASRec", "beta=0.3", "beta"),
        ("SASRec", "n_clusters=7", "n_clusters"),
        ("HM4SR", "wavelet_J=2", "wavelet_J"),
        ("HM4SR", "beta=0.4", None),
        ("UniSRec", "train_type=inductive", None),
        ("ATHWE", "start_expert_num=2", "start_expert_num"),
        ("Popularity", "learning_rate=0.1", "learning_rate"),
        ("CoOccurrence", "mask_seen=true", None),
        ("SASRec", "learning_rate=0.1", None),
    ],
)
def test_a_key_that_the_model_does_not_read_is_named_and_the_data_set_s_are_not(caplog, model, given, unread):
    with caplog.at_level(logging.WARNING):
        load_config("Home_and_Kitchen", overrides=[f"model={model}", given])
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ([unread] if unread else [])


def test_every_model_runs_on_the_configuration_of_every_data_set():
    for model in MODEL_NAMES:
        for dataset in ("demo", "Home_and_Kitchen", "other"):
            config = load_config(dataset, overrides=[f"model={model}"])
            assert config.model == model and config.wants_clusters == (model == "ATHWE")
    assert {"CoOccurrence", "Popularity"} == set(COUNTED)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=sasrec", r"unknown model 'sasrec' \(in --set model=sasrec\); did you mean 'SASRec'\?"),
        ("model=HMSR", "did you mean 'HM4SR'"),
        ("model=../x", "unknown model '../x' .*: expected ATHWE, HM4SR"),
        ("model=3", "unknown model 3 "),
        ("model=null", "unknown model None "),
        ("hiden_size=3", "unknown config key 'hiden_size' .*did you mean 'hidden_size'"),
        ("wavelet_j=3", "did you mean 'wavelet_J'"),
        ("n_layers=two", "config key 'n_layers': .*integer.*got 'two' .in --set n_layers=two"),
        ("n_layers=true", "'n_layers': neither true nor false fits .in --set n_layers=true"),
        ("topk=[true, 10]", "'topk': neither true nor false fits"),
        ("beta=1.5", "'beta'"),
        ("moe_topk=9", "moe_topk 9 is above routed_expert_nums 8"),
        ("hidden_size=63", "hidden_size 63 is not divisible by n_heads 2"),
        ("user_inter_num_interval=5", "user_inter_num_interval"),
        ("modalities=[item, audio]", "modalities"),
        ("valid_metric=NDCG@7", "needs its cutoff among topk"),
        ("metrics=[AUC]", "AUC"),
        ("learning_rate=.inf", "learning_rate"),
        ("temperature=0", "temperature"),
        ("eval_args={split: {RS: [0.8, 0.1, 0.1]}}", "eval_args.split"),
        ("eval_args={mode: uni100}", "eval_args.mode"),
        ("loss_type=BPR", "loss_type"),
        ("field_separator=','", "field_separator"),
        ("training_neg_sample_num=1", "training_neg_sample_num"),
        ("device=gpu", "device"),
        ("novalue", "key=value"),
        ("x=[", "not a YAML value"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(folder, override, message):
    with pytest.raises(ConfigError, match=message) as raised:
        load_config("Home_and_Kitchen", overrides=[override], config_root=folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "is not YAML"),
        (b"- 1\n- 2\n", "must hold 'key: value' lines"),
        (b"\xff\xfe\x00", "cannot read"),
        (b"!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        load_config("demo", files=[path])
    assert "\n" not in str(raised.value)
    assert "broken.yaml" in str(raised.value)


def test_a_missing_file_is_named():
    with pytest.raises(ConfigError, match=r"cannot read nowhere\.yaml"):
        load_config("demo", files=["nowhere.yaml"])


def test_overriding_checks_the_whole():
    config = Config(routed_expert_nums=4, moe_topk=2)
    assert override_config(config, {"beta": 0.7}).beta == 0.7
    with pytest.raises(ConfigError, match="moe_topk 2 is above routed_expert_nums 1"):
        override_config(config, {"routed_expert_nums": 1})


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().epochs = 3


def test_a_configuration_survives_yaml():
    config = Config(modalities=("img", "item"), clip_grad_norm=1.0)
    assert build_config(yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))) == config
    assert config.modalities == ("item", "img")


def test_metric_keys_are_ours():
    config = Config(metrics=["Hit", "NDCG"], valid_metric="MRR@5")
    assert config.metric_names == ("recall", "ndcg", "mrr")
    assert config.valid_key == "valid/mrr@5"


@pytest.mark.parametrize(("text", "bounds"), [("[5,inf)", (5, float("inf"))), ("(4, 10]", (5, 10)), ("[0,3)", (0, 2))])
def test_intervals_are_read_as_inclusive_bounds(text, bounds):
    assert parse_interval(text) == bounds


def test_override_values_are_yaml():
    assert parse_override("clip_grad_norm=null") == {"clip_grad_norm": None}
    assert parse_override("name=a=b") == {"name": "a=b"}
