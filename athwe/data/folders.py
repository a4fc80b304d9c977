"""Find a data set's folder among the roots."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from athwe.data.demo import DEMO, write_demo
from athwe.errors import DataError

logger = logging.getLogger(__name__)


def find_dataset(name: str, root: str | Path | None, data_path: str) -> Path:
    """Folder `<root>/<name>` that holds `<name>.inter`, in the first root that has it; `demo` is generated.

    The roots are `root`, the environment variable `ATHWE_DATASET_ROOT` and `data_path`, those that are given.

    Raises:
        DataError: a name that is no folder name, or no such data set; the message says which there are.
    """
    require_folder_name(name)
    given = (root, os.environ.get("ATHWE_DATASET_ROOT"), data_path)
    roots = list(dict.fromkeys(Path(path).expanduser().absolute() for path in given if path))
    for candidate in roots:
        if (candidate / name / f"{name}.inter").is_file():
            if root and candidate != roots[0]:
                logger.warning("%s has no data set %s: taking the one in %s", roots[0], name, candidate)
            return candidate / name
    if name == DEMO:
        return _write_demo_under(roots)
    existing = "; ".join(f"{path} has {', '.join(_dataset_names(path)) or 'none'}" for path in roots)
    raise DataError(
        f"no data set {name!r}: {existing}; to add one, put {name}.inter into {roots[0] / name} (dataset/README.md), "
        f"or use '{DEMO}', which is generated"
    )


def require_folder_name(name: str) -> None:
    """Refuse a data set's name that leads out of its root.

    Raises:
        DataError: it has anything but letters, digits, '.', '_' and '-', or begins with a point.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        raise DataError(f"data set name {name!r} is no folder name: expected letters, digits, '.', '_' and '-'")


def _dataset_names(root: Path) -> list[str]:
    return sorted(
        path.parent.name for path in root.glob("*/*.inter") if path.stem == path.parent.name and path.is_file()
    )


def _write_demo_under(roots: Sequence[Path]) -> Path:
    for root in roots:
        try:
            write_demo(root / DEMO)
        except OSError as error:
            logger.warning("cannot write the demo data set under %s: %s", root, error.strerror)
        else:
            return root / DEMO
    raise DataError(f"cannot write the demo data set under any of {', '.join(map(str, roots))}; give a writable root")
