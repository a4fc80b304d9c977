"""Configuration that is no YAML of plain keys and values."""

import pytest
from hostile import is_one_line

from athwe.config_files import load_config, parse_override
from athwe.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("gate: !!bool maybe", "a tag such as !!bool is not taken"),
        ("time_scale: !!int ''", "a tag"),
        ("valid_from: !!timestamp x", "a tag"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nbeta: *b", "alias"),
        ("beta: " + "[" * 5_000, "nested too deep"),
        ("beta: " + "9" * 5_000, "not YAML"),
        ("beta: 0x" + "f" * 9_000, "a very long int"),
        ("topk: [0x" + "f" * 9_000 + "]", "config: Exceeds the limit"),
        ("valid_from: 2014-13-45", "not YAML"),
        ("beta: !!python/object/apply:os.getcwd []", "not YAML"),
        ("? [a, b]\n: c", "not YAML|key: value"),
        ("beta: " + "x" * 300_000, "100,000 bytes"),
    ],
)
def test_yaml_that_is_hostile_or_odd_is_one_line(tmp_path, text, part):
    (tmp_path / "more.yaml").write_text(text)
    with pytest.raises(ConfigError, match=part) as error:
        load_config("tiny", files=[tmp_path / "more.yaml"])
    assert is_one_line(error.value)


@pytest.mark.parametrize("text", ["beta=" + "[" * 5_000, "beta=" + "9" * 5_000, "beta=2014-13-45", "beta=*a", "b=\0"])
def test_a_flag_that_is_no_yaml_is_one_line(text):
    with pytest.raises(ConfigError, match="is not a YAML value") as error:
        parse_override(text)
    assert len(str(error.value)) < 500
