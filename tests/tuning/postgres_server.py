"""A PostgreSQL server of a test's own, on a socket, which can be stopped and started."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PROGRAMS = Path("/usr/lib/postgresql")


class PostgresServer:
    """Made by `initdb` in a folder of its own, and gone with `remove`; the test is skipped where there is none."""

    def __init__(self) -> None:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
        found = sorted(_PROGRAMS.glob("*/bin/initdb"))
        self._as_owner = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []  # it refuses to run as root
        if not found or (self._as_owner and not shutil.which("runuser")):
            pytest.skip("set ATHWE_TEST_POSTGRES to a database URL, or install PostgreSQL")
        self._programs = found[-1].parent
        self.folder = Path(subprocess.check_output([*self._as_owner, "mktemp", "-d"], text=True).strip())
        self._control("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -F"
        self._control("pg_ctl", "start", "-w", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        """At once, as a crash would."""
        self._control("pg_ctl", "stop", "-m", "immediate")

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _control(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, self._programs / program, *arguments, "-D", self.folder / "data"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
