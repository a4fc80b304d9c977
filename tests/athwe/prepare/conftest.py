from pathlib import Path
from types import SimpleNamespace

import pytest
from raw_files import write_amazon

from athwe.prepare import command


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command with its output below `tmp_path`; gives code, out, err and the data set's folder."""

    def run_command(*arguments: str, name: str = "made"):
        flags = ["--name", name, "--output", str(tmp_path / "data"), "--config-folder", str(tmp_path / "config")]
        code = command.main([*arguments, *flags])
        captured = capsys.readouterr()
        folder = tmp_path / "data" / name
        return SimpleNamespace(code=code, out=captured.out, err=captured.err, folder=folder)

    return run_command


@pytest.fixture
def flags(tmp_path) -> list[str]:
    """Flags that read a small raw source into a 2-core."""
    return [*write_amazon(tmp_path / "raw", "2018.gz"), "--core", "2", "--min-category-items", "1"]


@pytest.fixture
def content():
    """Every file below a folder, by name."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read
