"""The config file of a new data set. One that is there is used and never written over: it may have been tuned."""

from pathlib import Path

from athwe.config import DataConfig
from athwe.files import replacing

WRITTEN_KEYS = (
    "USER_ID_FIELD",
    "ITEM_ID_FIELD",
    "TIME_FIELD",
    "user_inter_num_interval",
    "item_inter_num_interval",
)
"""Those that its files were written for; the rest is for `data.yaml` and for tuning."""


def write_config(path: Path, name: str, config: DataConfig) -> bool:
    """Write a config file unless there is one; whether it was written.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists():
        return False
    lines = [f"# What {name} was prepared with (python -m athwe.prepare). What is added here goes over data.yaml."]
    lines += [f'{key}: "{getattr(config, key)}"' for key in WRITTEN_KEYS]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return True
