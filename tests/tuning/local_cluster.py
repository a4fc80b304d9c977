"""A Ray cluster of real nodes on this machine: each has a loopback address, a temporary folder and one core."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

RAY = str(Path(sys.executable).with_name("ray"))
TOKEN = "only-for-the-tests-of-this-machine-" + "0" * 16


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as listener:
        listener.bind((address, 0))
        return listener.getsockname()[1]


class LocalCluster:
    """Use `local_cluster`; nodes are named by their address. `127.0.0.1` cannot be one, Ray rewrites it."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.head = "127.0.0.2"
        self.address = f"{self.head}:{free_port(self.head)}"
        self.jobs = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
            # commands of the README are written for an environment that is active
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self.environment.pop("RAY_ADDRESS", None)

    def start_head(self) -> None:
        port = self.jobs.rpartition(":")[2]
        options = ["--head", f"--port={self.address.rpartition(':')[2]}", "--dashboard-host=127.0.0.1"]
        options += [f"--dashboard-port={port}", f"--ray-client-server-port={free_port(self.head)}"]
        self._start(self.head, *options)

    def add_node(self, address: str, hidden: Sequence[Path] = ()) -> None:
        """Start another node, for which folders of this machine are hidden behind empty ones."""
        self._start(address, f"--address={self.address}", hidden=hidden)

    def stop_node(self, address: str) -> None:
        """End a node's processes, by their ids."""
        for process in self.processes(address):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _start(self, address: str, *options: str, hidden: Sequence[Path] = ()) -> None:
        ports = [f"--dashboard-agent-listen-port={free_port(address)}", "--num-cpus=1", "--num-gpus=0"]
        command = [RAY, "start", f"--node-ip-address={address}", f"--temp-dir={self._temporary(address)}", *options]
        command += [*ports, "--object-store-memory=100000000", "--disable-usage-stats"]
        if hidden:
            covers = " && ".join(f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in hidden)
            command = ["unshare", "--mount", "sh", "-c", f"{covers} && {shlex.join(command)}"]
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _temporary(self, address: str) -> Path:
        return self._folder / address

    def processes(self, address: str) -> list[psutil.Process]:
        """What runs as part of a node, and what that has started."""
        mine = str(self._temporary(address))
        roots = [process for process in psutil.process_iter() if any(mine in word for word in _words(process))]
        return list({child.pid: child for root in roots for child in (root, *_children(root))}.values())

    def raylet(self, address: str) -> psutil.Process:
        found = [process for process in self.processes(address) if _words(process)[:1] and _is_raylet(process)]
        assert len(found) == 1, found
        return found[0]

    def stop(self) -> None:
        """End every process that was started here."""
        deadline = time.monotonic() + 30
        nodes = [folder.name for folder in self._folder.iterdir()]
        while left := [process for node in nodes for process in self.processes(node)]:
            for node in nodes:
                self.stop_node(node)
            psutil.wait_procs(left, timeout=5)
            assert time.monotonic() < deadline, left


@contextmanager
def local_cluster() -> Iterator[LocalCluster]:
    """A cluster whose head runs; its folder is short, since names of sockets may have 107 characters only."""
    folder = Path(tempfile.mkdtemp(prefix="ac", dir="/tmp"))
    cluster = LocalCluster(folder)
    try:
        cluster.start_head()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_raylet(process: psutil.Process) -> bool:
    return Path(_words(process)[0]).name == "raylet"


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []
