"""Encoders by hub name, from a server on loopback that answers as the hub does for one repository."""

import hashlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_encoders import write_bert

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/tiny-bert"


class Hub(http.server.ThreadingHTTPServer):
    """Serves the files of `folder` as `REPOSITORY` at `COMMIT`, its branch main."""

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder = folder
        self.fetched: list[str] = []


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        files = sorted(file.name for file in self.server.folder.iterdir())
        if path in {f"/api/models/{REPOSITORY}/revision/{name}" for name in ("main", COMMIT)}:
            siblings = [{"rfilename": name} for name in files]
            self._send(json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            entries = [self._entry(name) for name in files]
            self._send(json.dumps(entries).encode())
        elif path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/") and path.rpartition("/")[2] in files:
            if self.command == "GET":
                self.server.fetched.append(path.rpartition("/")[2])
            self._send((self.server.folder / path.rpartition("/")[2]).read_bytes())
        else:
            self.send_error(404)

    def _entry(self, name: str) -> dict[str, object]:
        content = (self.server.folder / name).read_bytes()
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    folder = write_bert(tmp_path / "repository")
    for name in ("pytorch_model.bin", "modeling_evil.py", "model.onnx", "README.md"):
        (folder / name).write_bytes(b"not to be fetched")
    server = Hub(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def make(shop: Path, hub: Hub, tmp_path: Path, name: str, offline: str = "0") -> subprocess.CompletedProcess:
    environment = {
        "PATH": "",
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": offline,
        "ATHWE_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "athwe.prepare", "features", "shop", "--dataset-root", str(shop.parent)]
    return subprocess.run([*command, "--text-encoder", name], env=environment, capture_output=True, text=True)


def record(shop: Path) -> dict:
    return json.loads((shop / "features.json").read_text())["txt_emb.pt"]


def test_a_hub_name_fetches_settings_and_safetensors_once_and_records_the_commit(shop, hub, tmp_path):
    first = make(shop, hub, tmp_path, REPOSITORY)
    assert first.returncode == 0, first.stderr
    assert sorted(hub.fetched) == ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
    assert (record(shop)["encoder"], record(shop)["revision"]) == (REPOSITORY, COMMIT)
    again = make(shop, hub, tmp_path, f"{REPOSITORY}@{COMMIT}", offline="1")
    assert again.returncode == 0 and len(hub.fetched) == 4, again.stderr
    assert "encoded 0" in again.stdout


def test_a_repository_that_is_not_there_is_one_line(shop, hub, tmp_path):
    result = make(shop, hub, tmp_path, "someone/else")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: encoder 'someone/else' is no folder, and the hub does not give it: ")
