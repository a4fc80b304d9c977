"""RecBole 1.2.1 in an environment of its own: it pins a Ray and a numpy that nothing here can live with."""

import subprocess
import sys
from pathlib import Path

from athwe.data.cache import cache_folder
from athwe.errors import AthweError
from benchmarks.measure import progress

RECBOLE = "recbole==1.2.1"
"""Installed without what it asks for, which is `ray<=2.6.3` among others; what training needs of that comes first."""
REQUIREMENTS = """torch~=2.13.0 numpy<2 pandas<3 scipy scikit-learn tqdm pyyaml colorlog colorama tensorboard thop
    tabulate texttable psutil setuptools<81""".split()
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20")


class RecBoleEnvironmentError(AthweError):
    """The environment that cannot be made."""


def default_environment() -> Path:
    """Beside the other things that are kept between runs."""
    return cache_folder() / "recbole-1.2.1"


def require_environment(folder: Path) -> Path:
    """RecBole's Python; made on first use and after a change of what it holds, which takes about two minutes.

    Raises:
        RecBoleEnvironmentError: a folder that holds something else, or no way to install.
    """
    python = folder / "bin" / "python"
    complete = folder / "complete.txt"
    content = "\n".join([*REQUIREMENTS, RECBOLE])
    if complete.is_file() and complete.read_text(encoding="utf-8") == content:
        return python
    if folder.exists() and not (folder / "pyvenv.cfg").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecBoleEnvironmentError(f"--environment {folder} is not a Python environment: name another folder")
    progress(f"making RecBole's environment in {folder}")
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    _run(str(python), *PIP, *REQUIREMENTS)
    _run(str(python), *PIP, "--no-deps", RECBOLE)
    complete.write_text(content, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        lines = [line.strip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        step = " ".join(command[2:4])  # such as "pip install"
        raise RecBoleEnvironmentError(f"RecBole's environment cannot be made: {step} failed: {errors[-1]}")
