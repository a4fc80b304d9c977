"""The two sides of `versus_recbole.py` as processes, and the one job that both of them get."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from athwe.config import Config
from athwe.data.folders import find_dataset
from athwe.data.interactions import parse_timestamps
from athwe.data.tables import read_columns
from athwe.errors import AthweError

OURS, THEIRS = "ATHWE", "RecBole"
SHARED_KEYS = """n_layers n_heads hidden_size inner_size hidden_dropout_prob attn_dropout_prob hidden_act layer_norm_eps
    initializer_range loss_type MAX_ITEM_LIST_LENGTH USER_ID_FIELD ITEM_ID_FIELD TIME_FIELD user_inter_num_interval
    item_inter_num_interval train_batch_size eval_batch_size learner learning_rate weight_decay epochs eval_step
    stopping_step topk valid_metric valid_metric_bigger seed""".split()
"""What RecBole names as we do and takes with the same meaning."""
SAME = ("training samples", "history items", "users", "items")
"""What both sides must agree on before they are compared."""
HERE = Path(__file__).resolve().parent


class SideError(AthweError):
    """A side that stopped, or that trains on something else than the other."""


class Side:
    """A process that trains when it is told to."""

    def __init__(self, name: str, python: Path, script: str, job: dict[str, Any], folder: Path):
        self.name = name
        self._errors = folder / f"{name}.log"
        environment = os.environ | {
            "OMP_NUM_THREADS": str(job["threads"]),
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # RecBole reads its own best epoch back that way
        }
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(python), str(HERE / script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=folder,  # where RecBole leaves logs and checkpoints
                env=environment,
            )
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._send(job)

    @cached_property
    def facts(self) -> dict[str, int]:
        """What it trains on, which it answers first."""
        return self._answer()

    def ask(self, message: Any) -> Any:
        """Send one message and wait for its answer.

        Raises:
            SideError: the process ended instead.
        """
        self._send(message)
        return self._answer()

    def _send(self, message: Any) -> None:
        with suppress(BrokenPipeError):  # what it wrote before it ended says more
            self._stdin.write(json.dumps(message) + "\n")
            self._stdin.flush()

    def _answer(self) -> Any:
        line = self._stdout.readline()
        if not line:
            written = self._errors.read_text(encoding="utf-8", errors="replace").strip() or "without a word"
            raise SideError(f"{self.name}'s side stopped: {written.splitlines()[-1]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def both_sides(
    dataset: str, root: str | None, config: Config, python: Path, *, threads: int, quality: bool
) -> Iterator[dict[str, Side]]:
    """Both sides, ready to train on the same samples, for the time of a `with` block.

    Raises:
        SideError: a side did not start, or they do not see the same samples.
    """
    with TemporaryDirectory(prefix="versus-recbole-") as name, ExitStack() as stack:
        folder = Path(name)
        job = {"dataset": f"{dataset}-by-time", "root": name, "threads": threads, "quality": quality}
        write_by_time(
            find_dataset(dataset, root, config.data_path) / f"{dataset}.inter", folder, job["dataset"], config
        )
        values = config.model_dump(mode="json")
        shared = {key: values[key] for key in SHARED_KEYS}
        ours = Side(OURS, Path(sys.executable), "athwe_side.py", job | {"config": values}, folder)
        stack.callback(ours.close)
        theirs = Side(THEIRS, python, "recbole_side.py", job | {"settings": shared}, folder)
        stack.callback(theirs.close)
        differing = [name for name in SAME if ours.facts[name] != theirs.facts[name]]
        if differing:
            seen = " but ".join(f"{side.name} {[side.facts[name] for name in differing]}" for side in (ours, theirs))
            raise SideError(f"on {dataset} the sides see other {', '.join(differing)}: {seen}")
        yield {OURS: ours, THEIRS: theirs}


def write_by_time(path: Path, root: Path, name: str, config: Config) -> None:
    """Copy interactions, oldest first, into the folder `name` below `root`.

    RecBole rounds times to float32 before it sorts, which leaves alone what is sorted already, and it reads a copy of
    its own of a data set that is named ml-100k.
    """
    fields = (config.USER_ID_FIELD, config.ITEM_ID_FIELD, config.TIME_FIELD)
    table = read_columns(path, fields)
    oldest_first = table.take(np.argsort(parse_timestamps(table[config.TIME_FIELD], path), kind="stable"))
    header = "\t".join(f"{field}:{kind}" for field, kind in zip(fields, ("token", "token", "float"), strict=True))
    rows = zip(*(oldest_first[field].to_pylist() for field in fields), strict=True)
    (root / name).mkdir()
    (root / name / f"{name}.inter").write_text("\n".join([header, *map("\t".join, rows)]) + "\n", encoding="utf-8")
