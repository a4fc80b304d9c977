from datetime import datetime
from pathlib import Path

import pytest

from athwe.config import Config
from athwe.config_files import load_config
from athwe.errors import ConfigError
from tuning.planning.spec import PrunerSettings, SearchSettings, Spec, read_settings, study_name

SPACE = "space: {beta: {type: float, low: 0, high: 1}}\n"


def settings_of(tmp_path: Path, text: str) -> SearchSettings:
    path = tmp_path / "search.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def spec(**changes: object) -> Spec:
    settings = SearchSettings.model_validate({"space": {"beta": {"type": "float", "low": 0, "high": 1}}})
    values = {"study": "s", "dataset": "d", "data_fingerprint": "f", "config": Config(), "settings": settings}
    return Spec(**values | {"concurrency": 1, "cpus_per_trial": 1, "gpus_per_trial": 0} | changes)


def test_the_shipped_settings_fit_the_published_configuration():
    settings, config = read_settings(), load_config("Home_and_Kitchen")
    settings.space.check(config)
    assert {"routed_expert_nums", "moe_topk", "wavelet_J", "time_scale", "learning_rate"} <= settings.space.root.keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPACE + "trial: 3", r"trial: unknown key; did you mean 'trials'\?"),
        (SPACE + "sampler: {nam: tpe}", r"sampler.nam: unknown key; did you mean 'name'\?"),
        ("space: {beta: {type: float, lo: 0, high: 1}}", r"space.beta.lo: unknown key; did you mean 'low'\?"),
        ("space: {beta: {type: float, low: 0}}", "space.beta.high: is missing"),
        ("space: {beta: {type: float, low: 2, high: 1}}", "space.beta: low 2.0 is above high 1.0"),
        ("space: {beta: {type: float, low: 0, high: 1, log: true}}", "space.beta: a log scale needs low above 0"),
        ("space: {wavelet_J: {type: int, low: 0.5, high: 1}}", "space.wavelet_J.low: .* got 0.5"),
        ("space: {beta: {type: real, low: 0, high: 1}}", "space.beta"),
        ("trials: 3", "space: is missing"),
        (SPACE + "objective: train/loss", "validation metric"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        settings_of(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_flags_override_only_when_given(tmp_path: Path):
    settings = settings_of(tmp_path, SPACE + "trials: 7\nsampler: {name: random, startup_trials: 3}\n")
    assert settings.with_flags({"trials": None, "dataset": "demo"}) == settings
    changed = settings.with_flags({"trials": 9, "sampler": "tpe", "pruner": "none", "audit_share": 0.5})
    assert (changed.trials, changed.sampler.name, changed.sampler.startup_trials) == (9, "tpe", 3)
    assert (changed.pruner.name, changed.pruner.audit_share, changed.pruner.reduction_factor) == ("none", 0.5, 3)
    limited = settings.with_flags({"most_memory_gigabytes": 2.0, "also_minimize": ["parameters"]})
    assert limited.limits.memory_gigabytes == 2.0 and list(limited.also_minimize) == ["parameters"]


def test_the_settings_objective_becomes_the_configuration_s(tmp_path: Path):
    settings = settings_of(tmp_path, SPACE + "objective: valid/mrr@20\ndirection: minimize\n")
    config = load_config("any", overrides=settings.config_overrides())
    assert spec(config=config).objective == "valid/mrr@20"
    assert spec(config=config).direction == "minimize"
    assert settings_of(tmp_path, SPACE).config_overrides() == []


@pytest.mark.parametrize(
    ("grace", "epochs", "rung"), [(None, 20, 4), (None, 4, 1), (None, 1, 1), (3, 20, 3), (9, 4, 4)]
)
def test_the_first_rung_is_a_fifth_of_the_epochs_unless_given(grace: int | None, epochs: int, rung: int):
    assert PrunerSettings(grace_epochs=grace).first_rung(epochs) == rung


def test_a_spec_comes_back_from_json_the_same():
    assert Spec.model_validate_json(spec().model_dump_json()).difference(spec()) is None


def test_what_is_searched_makes_a_difference_and_where_it_runs_does_not():
    assert spec().difference(spec(concurrency=8, hardware={"cores": 64}, git_sha="abc")) is None
    assert spec().difference(spec(config=Config(beta=0.5))) == "config.beta is 0.2 there and 0.5 here"
    assert spec().difference(spec(data_fingerprint="g")) == "data_fingerprint is f there and g here"


def test_a_study_is_named_after_data_and_time_unless_given():
    assert study_name(None, "demo", datetime(2026, 1, 2, 3, 4, 5)) == "demo-20260102T030405Z"
    assert study_name("mine", "demo") == "mine"
    for bad in ("a b", "a/b", "x" * 151):
        with pytest.raises(ConfigError, match="--study"):
            study_name(bad, "demo")
