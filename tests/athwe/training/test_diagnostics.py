import json

import pytest

from athwe.config_files import override_config
from athwe.training.trainer import Trainer


def test_diagnostics_tell_what_each_part_does(tiny_config, tiny_dataset):
    found = Trainer(tiny_config, tiny_dataset).diagnostics()
    assert found == json.loads(json.dumps(found))
    assert found["modality_weights"] == pytest.approx(dict.fromkeys(("item", "txt", "img"), 1 / 3))
    assert list(found["gate_strength"]) == ["low", "level 1", "level 2"]
    assert all(0 < strength < 1 for strength in found["gate_strength"].values())
    assert found["peak_memory_bytes"] > 2**20


def test_expert_use_is_shared_out_among_the_experts(tiny_config, tiny_dataset):
    use = Trainer(tiny_config, tiny_dataset).diagnostics()["expert_use"]
    assert {"under a day", "under a week"} <= use.keys()  # gaps of the data are up to a week
    assert all(len(row) == 4 and sum(row) == pytest.approx(1.0) for row in use.values())


def test_saturation_is_the_share_of_gaps_at_the_tables_end(tiny_config, tiny_dataset):
    def saturation(time_scale):
        return Trainer(override_config(tiny_config, {"time_scale": time_scale}), tiny_dataset).diagnostics()

    assert saturation(1e12)["time_saturation"] == 0.0
    assert saturation(1e-3)["time_saturation"] == 1.0


def test_parts_that_are_off_are_not_told_of(tiny_config, tiny_dataset):
    off = {"wavelet_J": 0, "routed_expert_nums": 0, "shared_expert_nums": 0, "modalities": ["item"]}
    found = Trainer(override_config(tiny_config, off), tiny_dataset).diagnostics()
    assert found.keys() == {"modality_weights", "parameters", "peak_memory_bytes"}
