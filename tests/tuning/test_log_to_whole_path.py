"""A real search whose trials are read back from TensorBoard's files."""

from pathlib import Path

import pytest
from search_process import agreeing_trials, epochs_of, search, search_command
from tensorboardX.proto.event_pb2 import Event

from tuning.schema import COMPLETE, INVALID, PRUNED

pytestmark = pytest.mark.whole_path


def events(path: Path) -> list[Event]:
    """The records of an event file: each has its length in eight bytes and a checksum before it, and one after."""
    content, found = path.read_bytes(), []
    while content:
        length = int.from_bytes(content[:8], "little")
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


def test_tensorboard_has_every_trial_with_its_epochs_and_parameters(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    done = search(command, "--trials", "4", "--epochs", "3", "--log-to", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert not done.stderr

    trials = agreeing_trials(tmp_path)
    ran, epochs = trials[trials["reason"] != INVALID], epochs_of(tmp_path)
    assert set(ran["state"]) <= {COMPLETE, PRUNED}
    folder = tmp_path / "study" / "tensorboard" / "study"
    assert sorted(path.name for path in folder.iterdir()) == [f"trial-{number:05d}" for number in ran["number"]]
    for row in ran.to_dict("records"):
        (file,) = (folder / f"trial-{row['number']:05d}").iterdir()
        values = [(event.step, value) for event in events(file) for value in event.summary.value]
        told = {step: value.simple_value for step, value in values if value.tag == "ray/tune/valid/ndcg_at_10"}
        mine = epochs[epochs["trial_id"] == row["trial_id"]].set_index("epoch")["value"].to_dict()
        assert told == pytest.approx(mine)
        starts = [value for _, value in values if value.tag == "_hparams_/session_start_info"]
        assert len(starts) == 1
        start = starts[0].metadata.plugin_data.content
        assert all(name.encode() in start for name in row["params"])


def test_a_missing_package_ends_the_search_before_anything_is_written(tiny_root: Path, tmp_path: Path):
    from importlib.util import find_spec

    missing = [name for name in ("mlflow", "wandb") if find_spec(name) is None]
    if not missing:
        pytest.skip("both packages are installed here")
    command = search_command(tiny_root, tmp_path)
    done = search(command, "--trials", "1", "--log-to", ",".join(missing))
    assert done.returncode == 2
    name = missing[0]
    assert done.stderr == f"error: --log-to {name} needs the package {name}: pip install 'athwe[{name}]'\n"
    assert not done.stdout
    assert not (tmp_path / "store.db").exists() and not (tmp_path / "study").exists()
