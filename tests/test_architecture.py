"""Who may import whom: the contracts hold, and the check can fail."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def lint(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run([*command, "--no-cache"], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """The packages in another folder, to break there."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for package in ("athwe", "tuning", "dashboard"):
        for path in (ROOT / package).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text())
    return tmp_path


def test_the_import_contracts_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dashboard/data.py", "import athwe.config"),
        ("dashboard/data.py", "import torch"),
        ("athwe/model/losses.py", "import optuna"),
        ("athwe/model/losses.py", "import athwe.evaluation.metrics"),
        ("athwe/evaluation/metrics.py", "import torch"),
        ("athwe/data/items.py", "import athwe.prepare.records"),
        ("athwe/prepare/pipeline.py", "import athwe.training.trainer"),
        ("tuning/planning/space.py", "import plotly"),
        ("tuning/planning/space.py", "import tuning.driving.run"),
    ],
)
def test_a_forbidden_import_is_found(copy, module, line):
    path = copy / module
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


def test_the_dashboards_contract_names_all_of_tuning_but_the_store():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    name = "The dashboard imports only the store of tuning"
    [forbidden] = [set(contract["forbidden_modules"]) for contract in contracts if contract["name"] == name]
    modules = {f"tuning.{path.stem}" for path in (ROOT / "tuning").glob("*.py") if path.stem != "__init__"}
    rooms = {f"tuning.{path.parent.name}" for path in (ROOT / "tuning").glob("*/__init__.py")}
    assert (modules | rooms) - {"tuning.store", "tuning.schema", "tuning.connection"} == forbidden


def test_importing_athwe_alone_does_not_load_torch():
    script = "import sys, athwe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_no_script_folder_holds_a_module_that_hides_another():
    """A script's folder comes first on `sys.path`."""
    hidden = [
        path.stem
        for folder in ("tuning", "dashboard")
        for path in (ROOT / folder).iterdir()
        if path.stem in sys.stdlib_module_names or path.stem in {"ray", "optuna", "torch", "streamlit", "pandas"}
    ]
    assert hidden == []
