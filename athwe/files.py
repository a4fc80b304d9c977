"""Files that are there as a whole or not at all: written under another name, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A free name beside `path` for a `with` block to write a file or make a folder at, which then becomes `path`.

    After an exception nothing is left of it, so that a disk that was full has its room back. A folder replaces another
    by two renames: a kill between them leaves the old one as `.<name>.<process>.old` and the new one as `.tmp`.

    Raises:
        OSError: the folder above cannot be made, or the new one cannot be renamed; a file never replaces a folder.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove(temporary)
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():  # a folder cannot be renamed over another
            replaced = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.rename(replaced)
            try:
                temporary.rename(path)
            except BaseException:
                replaced.rename(path)
                raise
            remove(replaced)
        else:
            temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
