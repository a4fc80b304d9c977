"""A study that a command line names, found in its store."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tuning.connection import OlderStoreError
from tuning.errors import SearchError
from tuning.planning.spec import Spec
from tuning.store import Store


def open_existing(url: str, to_write: bool = False) -> Store:
    """Open a store that is there already; one of an older version is taken forward.

    Raises:
        StoreError: there is none, or it cannot be opened.
    """
    try:
        store = Store.open(url, read_only=True)
    except OlderStoreError:
        return Store.open(url)
    if not to_write:
        return store
    store.close()
    return Store.open(url)


def study_row(store: Store, name: str) -> dict[str, Any]:
    """The study's columns.

    Raises:
        SearchError: there is no study of that name.
    """
    row = store.study(name)
    if row is None:
        raise SearchError(f"no study {name!r} in this store: `python tuning/studies.py list` shows those there are")
    return row


def spec_of(row: Mapping[str, Any]) -> Spec:
    """The spec that a study was started with.

    Raises:
        SearchError: it was written by a version of athwe whose specs this one cannot read.
    """
    try:
        return Spec.model_validate(row["spec"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SearchError(
            f"the spec of study {row['study_name']!r} is of another version of athwe ({place}: {first['msg']}): "
            "use the version that made it"
        ) from None
