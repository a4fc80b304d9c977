"""Commands that a page shows, for whoever reads it to run."""

import shlex

from tuning.connection import url_to_type
from tuning.store import DEFAULT_URL


def of_study(script: str, url: str, study_name: str, *flags: str) -> str:
    """`python tuning/<script> --study …` for a study in a store; a password in the store's URL is left out."""
    words = ["python", f"tuning/{script}", "--study", study_name]
    if url != DEFAULT_URL:
        words += ["--store", url_to_type(url)]
    return shlex.join([*words, *flags])
