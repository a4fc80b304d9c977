"""Before the first trial: is every node of the cluster one that trials can run on?

What is not asked of a node, and why: the **data set**, since the driver reads it and its arrays come through Ray's
object store; configuration files, for the same reason; the **store**, whose only writer is the driver, which has opened
it before; `ATHWE_CACHE_DIR`, without which arrays are only computed again. Nodes that an autoscaler adds later were not
there to be asked.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from pyarrow.fs import FileSystem
from ray import cloudpickle
from ray.exceptions import NodeDiedError, RayError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tuning.errors import NotReadyError, SearchError
from tuning.nodes import node_check

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""How long a node may take: it starts a process, and unpacks the working directory of a job before."""


def require_ready_nodes(storage: str, *, cpus: int, gpus: float, answer_seconds: float = ANSWER_SECONDS) -> None:
    """Return once every node has answered, and nothing was found; the storage path is left as it was.

    Args:
        storage: the study's folder, an absolute path or a URL; it exists, and the driver can write there.
        cpus: cores of one trial.
        gpus: GPUs of one trial.

    Raises:
        NotReadyError: everything that was found, a line each.
    """
    started = time.monotonic()
    nodes = [node for node in ray.nodes() if node["Alive"]]
    with _exchange(storage) as (folder, token):
        answers = _ask(nodes, (storage, folder, token), answer_seconds)
        back = {node["NodeID"]: node_check.read_token(storage, f"{folder}/{node['NodeID']}") for node in nodes}
    mine = node_check.look()
    found: dict[str, list[str]] = {}
    for node in nodes:
        answer = answers[node["NodeID"]]
        lines = (
            [answer] if isinstance(answer, str) else differences(answer, mine, storage, back[node["NodeID"]] == token)
        )
        for line in lines:
            found.setdefault(line, []).append(node_name(node))
    problems = [f"node{'s' * (len(names) > 1)} {', '.join(names)}: {line}" for line, names in found.items()]
    problems += too_small([node["Resources"] for node in nodes], cpus, gpus)
    if problems:
        raise NotReadyError(problems)
    if len(nodes) > 1:
        logger.info("all %d nodes are ready, asked in %.1f s", len(nodes), time.monotonic() - started)


def differences(answer: Mapping[str, Any], mine: Mapping[str, Any], storage: str, is_seen_here: bool) -> Iterator[str]:
    """What a node's answer has against it, each with its remedy.

    Args:
        answer: of `node_check.look` there.
        mine: of the same here.
        is_seen_here: whether the driver sees what the node has written.
    """
    if answer["source"] is None:
        yield (
            "does not have athwe and tuning: start the search by `ray job submit --working-dir .`, which brings them, "
            "or install them there"
        )
    elif answer["source"] != mine["source"]:
        yield (
            f"has another source of athwe and tuning ({answer['source']}, here {mine['source']}): start the search by "
            "`ray job submit --working-dir .`, or install the same commit there"
        )
    for package, version in mine["versions"].items():
        there = answer["versions"].get(package)
        if there != version:
            what = f"{package} {there}" if there else f"no {package}"
            remedy = f"install {version} there" if version else "remove it there, or install it here"
            yield f"has {what}, here it is {version or 'not installed'}: {remedy} (constraints.txt has all versions)"
    if not answer["sees"]:
        remedy = (
            "give its Ray the credentials that the driver has"
            if "://" in storage
            else "mount the same shared folder on all nodes, or give --storage-path of one that is"
        )
        yield f"does not see what the driver writes to {storage}: {remedy}"
    elif answer["write_error"]:
        yield f"cannot write to {storage} ({answer['write_error']}): let the user that Ray runs as write there"
    elif not is_seen_here:
        yield f"writes to {storage}, but the driver does not see it: mount the same shared folder on both"


def too_small(resources: Iterable[Mapping[str, float]], cpus: int, gpus: float) -> list[str]:
    """A line where no single node holds a trial, which would otherwise wait for ever.

    >>> too_small([{"CPU": 1}, {"CPU": 3}], cpus=2, gpus=0)
    []
    """
    nodes = [(node.get("CPU", 0), node.get("GPU", 0)) for node in resources]
    if any(cores >= cpus and devices >= gpus for cores, devices in nodes):
        return []
    there = "; ".join(f"{cores:g} and {devices:g}" for cores, devices in sorted(set(nodes), reverse=True))
    return [
        f"no node has the {cpus} cores and {gpus:g} GPUs of one trial, but {there}: give --cpus-per-trial or "
        "--gpus-per-trial that fits on one node"
    ]


def node_name(node: Mapping[str, Any]) -> str:
    """Address, and host name where that is another."""
    address, host = node["NodeManagerAddress"], node["NodeManagerHostname"]
    return address if host in ("", address) else f"{address} ({host})"


def _ask(
    nodes: Sequence[Mapping[str, Any]], exchange: tuple[str, str, str], answer_seconds: float
) -> dict[str, dict[str, Any] | str]:
    """Each node's answer by its id: what `look` gives, or a line that says why there is none."""
    cloudpickle.register_pickle_by_value(node_check)
    look: Any = ray.remote(num_cpus=0, max_retries=0)(node_check.look)
    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[node["NodeID"]] = look.options(scheduling_strategy=there).remote(*exchange, node["NodeID"])
    ready, late = ray.wait(list(asked.values()), num_returns=len(asked), timeout=answer_seconds)
    for reference in late:
        ray.cancel(reference, force=True)
    silent = f"did not answer within {answer_seconds:g} s: look for it in `ray status`, or take it out of the cluster"
    return {node: _answer(reference) if reference in ready else silent for node, reference in asked.items()}


def _answer(reference: ray.ObjectRef) -> dict[str, Any] | str:
    try:
        return ray.get(reference)
    except (TaskUnschedulableError, NodeDiedError):
        return "went away while it was asked: look for it in `ray status`, or take it out of the cluster"
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        return f"could not run the check ({reason}): look into Ray's logs there, or take it out of the cluster"


@contextmanager
def _exchange(storage: str) -> Iterator[tuple[str, str]]:
    """A folder in the storage that is there for the check only, and the token in its file `driver`."""
    token = uuid.uuid4().hex
    folder = f".preflight-{token[:12]}"
    filesystem, root = FileSystem.from_uri(storage)
    filesystem.create_dir(f"{root}/{folder}")
    try:
        if error := node_check.write_token(storage, f"{folder}/driver", token):
            raise SearchError(f"cannot write to {storage}: {error}; give another --storage-path")
        yield folder, token
    finally:
        filesystem.delete_dir(f"{root}/{folder}")
