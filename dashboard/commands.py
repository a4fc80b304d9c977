"""Commands that a page shows, for whoever reads it to run."""

import shlex

from tuning.connection import url_to_type
from tuning.store import DEFAULT_URL


def of_study(script: str, url: str, study_name: str, *flags: str) -> str:
    """`python tuning/<script> --study …` for a study in a store; a password in the store's URL is left out."""
    return _command(script, "--study", study_name, *_store(url), *flags)


def of_store(script: str, url: str, action: str) -> str:
    """`python tuning/<script> <action>` on a store, without its password as well."""
    return _command(script, action, *_store(url))


def _store(url: str) -> list[str]:
    return [] if url == DEFAULT_URL else ["--store", url_to_type(url)]


def _command(script: str, *words: str) -> str:
    return shlex.join(["python", f"tuning/{script}", *words])
