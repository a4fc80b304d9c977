"""How a store is reached: engines for SQLite and PostgreSQL, and transactions whose errors are one line."""

import re
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""`insert` with `on_conflict_do_update`, by dialect."""


class StoreError(Exception):
    """A store that cannot be reached or read; the message is one line for the user."""


class OlderStoreError(StoreError):
    """A store of an older schema, which a writer takes forward."""


class Transaction:
    """A transaction whose database errors come out as one-line `StoreError`s."""

    def __init__(self, engine: sa.Engine):
        self._engine = engine
        self._context = engine.begin()

    def __enter__(self) -> sa.Connection:
        try:
            return self._context.__enter__()
        except SQLAlchemyError as error:
            raise StoreError(self._line(error)) from error

    def __exit__(self, kind, error, trace) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except SQLAlchemyError as at_commit:  # a full disk or a lock shows only here
            raise StoreError(self._line(at_commit)) from at_commit
        if isinstance(error, SQLAlchemyError):
            raise StoreError(self._line(error)) from error

    def _line(self, error: BaseException) -> str:
        return f"the store {display_url(str(self._engine.url))} failed: {reason_of(error)}"


def parse_url(url: str) -> sa.URL:
    """A database's URL in its parts; the one place where the text is read.

    Raises:
        ArgumentError: no URL. What stands in the wrong place is not repeated: it may be part of a password.
    """
    try:
        parsed = sa.make_url(url)
    except ValueError:
        raise ArgumentError("what stands in the place of the port is not a number") from None
    if "@" in (parsed.host or ""):
        raise ArgumentError("more than one @: in a user's name or a password write %40")
    return parsed


def make_engine(url: str, read_only: bool) -> sa.Engine:
    """An engine for a URL; nothing is connected yet.

    Raises:
        ArgumentError: not a URL.
        StoreError: neither SQLite nor PostgreSQL, or no file to read.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, read_only)
    if parsed.get_backend_name() not in INSERT:
        raise StoreError(f"expected a sqlite or postgresql URL, got {display_url(url)}")
    options = {"postgresql_readonly": True} if read_only else {}
    return sa.create_engine(parsed, pool_pre_ping=True, execution_options=options, connect_args={"connect_timeout": 5})


def _sqlite_engine(url: sa.URL, read_only: bool) -> sa.Engine:
    """WAL, so that readers never wait for the writer; a reader opens the file read-only."""
    if not url.database or url.database == ":memory:":
        raise StoreError(f"expected a file in {display_url(str(url))}: a store in memory is gone with its process")
    path = Path(url.database)
    if read_only:
        if not path.is_file():
            raise StoreError(f"there is no store at {path}: run a search first, or name another with --store")
        uri = sa.URL.create("sqlite", database=path.resolve().as_uri(), query={"mode": "ro", "uri": "true"})
        return sa.create_engine(uri, connect_args={"timeout": 30})
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection, _record) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def display_url(url: str) -> str:
    """A store's URL as it may be shown: without the password, wherever in a text that is no URL that may be."""
    try:
        parsed = parse_url(url)
    except ArgumentError:
        if scheme := re.match(r"[\w+]+://", url):
            return f"{scheme[0]}…"
        return "…" if set(url) & set("@:?") else repr(url)
    if secret := _secret_keys(parsed):  # which are shown as they stand
        parsed = parsed.difference_update_query(secret).set(password="hidden below")
    return parsed.render_as_string(hide_password=True)


def _secret_keys(url: sa.URL) -> list[str]:
    """Keys behind the question mark such as `password` and `sslpassword`."""
    return [key for key in url.query if "password" in key.lower()]


def has_password(url: str) -> bool:
    """Whether a store's URL holds a password, in front of its host or behind its question mark."""
    try:
        parsed = parse_url(url)
    except ArgumentError:
        return False
    return parsed.password is not None or bool(_secret_keys(parsed))


def url_to_type(url: str) -> str:
    """A store's URL for a command that is shown: as given, but for the password, which libpq then takes from
    PGPASSWORD or ~/.pgpass."""
    if not has_password(url):
        return url
    parsed = parse_url(url)
    parsed = parsed.difference_update_query(_secret_keys(parsed))
    parts = (parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query)
    return sa.URL.create(*parts).render_as_string()


def reason_of(error: BaseException) -> str:
    """What the database said, in one line."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__
