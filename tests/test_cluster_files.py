"""`config/cluster`: against Ray's and Kubernetes' own schemas, and against what they say of each other.

KubeRay's schema is in no package registry at hand: its objects are checked by the names of the fields, from its API
reference, and by what lies in them.
"""

import copy
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import sqlalchemy as sa
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tuning.search import parse

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "config" / "cluster"
RAY_JOB_FIELDS = {
    "spec": """entrypoint submissionMode backoffLimit shutdownAfterJobFinishes ttlSecondsAfterFinished rayClusterSpec
        runtimeEnvYAML activeDeadlineSeconds submitterPodTemplate submitterConfig metadata""",
    "rayClusterSpec": "rayVersion authOptions headGroupSpec workerGroupSpecs enableInTreeAutoscaling autoscalerOptions",
    "headGroupSpec": "rayStartParams template serviceType headService enableIngress",
    "workerGroupSpecs": "groupName replicas minReplicas maxReplicas rayStartParams template idleTimeoutSeconds",
}


@pytest.fixture
def ray_up() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "ray-up.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def objects() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in documents}


def pods(objects: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    cluster = objects["RayJob"]["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]


def ray_version() -> str:
    [version] = re.findall(r'"ray\[.*\]==([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return version


def search_flags(text: str) -> Any:
    """The flags of the search in a command, which its own parser takes."""
    words = shlex.split(text)
    [script] = [place for place, word in enumerate(words) if word.endswith("tuning/search.py")]
    return parse(words[script + 1 :])


def test_ray_takes_the_cluster_file(ray_up: dict[str, Any]):
    validate_config(prepare_config(copy.deepcopy(ray_up)))
    ray_up["setup_comands"] = []
    with pytest.raises(jsonschema.ValidationError, match="setup_comands"):
        validate_config(prepare_config(ray_up))


def test_the_commands_of_the_cluster_file_are_ones_that_a_shell_takes(ray_up: dict[str, Any], tmp_path: Path):
    commands = [command for key in ray_up if key.endswith("commands") for command in ray_up[key]]
    assert len(commands) == 10
    for command in commands:
        assert subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).stderr == b"", command

    [listing] = [command for command in commands if "tomllib" in command]
    (tmp_path / "athwe-requirements").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "athwe-requirements")
    listing = listing.replace("~/athwe-venv/bin/python", shlex.quote(sys.executable))
    subprocess.run(["bash", "-c", listing], env={"HOME": str(tmp_path)}, check=True)
    lines = (tmp_path / "athwe-requirements" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"ray[tune,default]=={ray_version()}" in lines and any(line.startswith("psycopg") for line in lines)


def test_the_cluster_file_opens_nothing_and_its_search_would_start(ray_up: dict[str, Any]):
    [head] = [command for command in ray_up["head_start_ray_commands"] if "--head" in command]
    assert "--dashboard-host=127.0.0.1" in head
    assert all("RAY_AUTH_MODE=token" in command for command in (head, ray_up["worker_start_ray_commands"][-1]))
    comment = re.sub(r"^# ?", "", (FOLDER / "ray-up.yaml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    [command] = re.findall(r"^ *ray job submit (?:.*\\\n)*.*", comment, flags=re.MULTILINE)
    flags = search_flags(command.replace("\\\n", " "))
    assert sa.make_url(flags.store).get_backend_name() == "postgresql"
    assert flags.storage_path.startswith("/shared/") and flags.dataset_root.startswith("/shared/")


def test_kubernetes_takes_the_objects_and_the_pods(objects: dict[str, dict[str, Any]]):
    version = kubernetes_validate.latest_version()
    for kind in ("PersistentVolumeClaim", "Service", "StatefulSet"):
        kubernetes_validate.validate(objects[kind], version, strict=True)
    templates = [{"apiVersion": "v1", "kind": "PodTemplate", "template": template} for template in pods(objects)]
    assert len(templates) == 2
    for template in templates:
        kubernetes_validate.validate(template, version, strict=True)
    templates[0]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(templates[0], version, strict=True)


def test_the_fields_of_the_ray_job_are_kuberays(objects: dict[str, dict[str, Any]]):
    job = objects["RayJob"]
    assert (job["apiVersion"], job.keys()) == ("ray.io/v1", {"apiVersion", "kind", "metadata", "spec"})
    cluster = job["spec"]["rayClusterSpec"]
    parts = {"spec": [job["spec"]], "rayClusterSpec": [cluster], "headGroupSpec": [cluster["headGroupSpec"]]}
    for name, found in (parts | {"workerGroupSpecs": cluster["workerGroupSpecs"]}).items():
        for part in found:
            assert part.keys() <= set(RAY_JOB_FIELDS[name].split()), name
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for group in cluster["workerGroupSpecs"]:
        # the pre-flight asks the nodes that are there when a search starts
        assert group["minReplicas"] == group["replicas"] == group["maxReplicas"]


def test_the_manifest_agrees_with_itself_and_with_the_project(objects: dict[str, dict[str, Any]]):
    flags = search_flags(objects["RayJob"]["spec"]["entrypoint"])
    url = sa.make_url(flags.store)
    assert url.get_backend_name() == "postgresql" and url.password is None
    assert url.host == objects["Service"]["metadata"]["name"]
    labels = objects["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Service"]["spec"]["selector"] == objects["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    for pod in pods(objects):
        [volume] = pod["spec"]["volumes"]
        [container] = pod["spec"]["containers"]
        claim = objects["PersistentVolumeClaim"]["metadata"]["name"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim
        [mount] = container["volumeMounts"]
        assert flags.storage_path.startswith(mount["mountPath"]) and flags.dataset_root.startswith(mount["mountPath"])
    assert objects["RayJob"]["spec"]["rayClusterSpec"]["rayVersion"] == ray_version()
    assert f"FROM rayproject/ray:{ray_version()}-py311" in (FOLDER / "Dockerfile").read_text(encoding="utf-8")
