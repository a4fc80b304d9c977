"""The store: where a search writes and the dashboard reads. One SQLAlchemy URL, SQLite or PostgreSQL.

Tables are in long form, so a chart needs no decoding. One writer (the driver of a search), any number of readers.
This module is all of the project that the dashboard imports, so it imports nothing else of it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

DEFAULT_URL = "sqlite:///results/athwe.db"
SCHEMA_VERSION = 1

WAITING, RUNNING, COMPLETE, PRUNED, FAIL = STATES = ("WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAIL")
DIVERGED, OUT_OF_MEMORY, WORKER_LOST, INVALID, CANCELLED, EXCEPTION = REASONS = (
    "diverged",
    "out-of-memory",
    "worker-lost",
    "invalid",
    "cancelled",
    "exception",
)
"""Why a trial is FAIL. `exception` is an error of the trial's own that none of the others names."""

_tables = sa.MetaData()
schema_version = sa.Table("schema_version", _tables, sa.Column("version", sa.Integer, primary_key=True))
study = sa.Table(
    "study",
    _tables,
    sa.Column("study_name", sa.String(200), primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("objective", sa.Text, nullable=False),  # a metric key such as valid/ndcg@10
    sa.Column("direction", sa.String(8), nullable=False),  # maximize or minimize
    sa.Column("mask_seen", sa.Boolean, nullable=False),
    sa.Column("spec_json", sa.Text, nullable=False),  # the resolved spec: configuration, space, versions
    sa.Column("trials_asked", sa.Integer, nullable=False),
    sa.Column("data_fingerprint", sa.Text, nullable=False),
    sa.Column("storage_path", sa.Text, nullable=False),
    sa.Column("dataset_folder", sa.Text),  # where image paths of the items are relative to
    sa.Column("git_sha", sa.Text),
    sa.Column("created_at", sa.DateTime, nullable=False),  # every time is UTC
    sa.Column("heartbeat_at", sa.DateTime),  # the driver was alive then
    sa.Column("ended_at", sa.DateTime),
)
trial = sa.Table(
    "trial",
    _tables,
    sa.Column("trial_id", sa.String(250), primary_key=True),
    sa.Column("study_name", sa.ForeignKey("study.study_name"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),  # Optuna's
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(20)),
    sa.Column("params_json", sa.Text, nullable=False),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("value", sa.Float),  # the objective at best_epoch
    sa.Column("started_at", sa.DateTime),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("error", sa.Text),
    sa.Column("checkpoint", sa.Text),  # the latest training state, to go on from
    sa.Column("retry_of", sa.Integer),  # number of the trial this one goes on with
)
metric = sa.Table(
    "metric",
    _tables,
    sa.Column("trial_id", sa.ForeignKey("trial.trial_id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),  # 1-based
    sa.Column("split", sa.String(10), primary_key=True),  # train or valid
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)
importance = sa.Table(
    "importance",
    _tables,
    sa.Column("study_name", sa.ForeignKey("study.study_name"), primary_key=True),
    sa.Column("evaluator", sa.String(50), primary_key=True),
    sa.Column("parameter", sa.String(100), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)
test_evaluation = sa.Table(
    "test_evaluation",
    _tables,
    sa.Column("evaluation_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("study_name", sa.ForeignKey("study.study_name"), nullable=False, index=True),
    sa.Column("trial_id", sa.Text),
    sa.Column("evaluated_by", sa.Text, nullable=False),
    sa.Column("evaluated_at", sa.DateTime, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("mask_seen", sa.Boolean, nullable=False),
    sa.Column("metrics_json", sa.Text, nullable=False),
)

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class StoreError(Exception):
    """A store that cannot be reached or read; the message is one line for the user."""


def now() -> datetime:
    """The time now in UTC, without a zone, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Store:
    """Reads and writes the tables. Open one with `Store.open`; a store is a context manager.

    Every method raises `StoreError` where the database cannot be reached.
    """

    def __init__(self, engine: sa.Engine):
        self._engine = engine

    @classmethod
    def open(cls, url: str = DEFAULT_URL, read_only: bool = False) -> Self:
        """Connect, and unless `read_only` create or migrate the tables.

        Raises:
            StoreError: not a URL, no driver for it, not reachable, or of a newer schema than this code.
        """
        try:
            store = cls(_engine(url, read_only))
            store._prepare(read_only)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
            raise StoreError(f"cannot open the store {display_url(url)}: {_reason(error)}") from None
        return store

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing: the driver of a search only.

    def create_study(self, values: Mapping[str, Any]) -> None:
        """Insert a study row; `values` are its columns.

        Raises:
            StoreError: a study of that name exists.
        """
        try:
            self._run(sa.insert(study).values(created_at=now(), **values))
        except StoreError as error:
            if self.study(values["study_name"]) is None:
                raise
            raise StoreError(f"study {values['study_name']!r} exists already in this store") from error

    def update_study(self, study_name: str, **values: Any) -> None:
        """Change columns of one study, such as `heartbeat_at` and `ended_at`."""
        self._run(sa.update(study).where(study.c.study_name == study_name).values(**values))

    def save_trial(self, values: Mapping[str, Any]) -> None:
        """Insert a trial, or change the columns given of the one with that `trial_id`.

        Columns that may not be empty (`study_name`, `number`, `state`, `params_json`) are needed the first time only.
        """
        key = {"trial_id": values["trial_id"]}
        rest = {name: value for name, value in values.items() if name != "trial_id"}
        with self._begin() as connection:
            changed = connection.execute(sa.update(trial).where(trial.c.trial_id == key["trial_id"]).values(**rest))
            if not changed.rowcount:
                connection.execute(sa.insert(trial).values(**key, **rest))

    def save_metrics(self, trial_id: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Insert or replace one epoch's metrics; a key `valid/ndcg@10` is stored as split `valid`, name `ndcg@10`.

        A key without a split is not a metric and is left out, and so is NaN, which SQLite can only keep as NULL.
        """
        rows = [
            {"trial_id": trial_id, "epoch": epoch, "split": split, "name": name, "value": float(value)}
            for key, value in metrics.items()
            for split, _, name in [key.partition("/")]
            if name and not math.isnan(value)
        ]
        self._upsert(metric, rows)

    def save_importance(self, study_name: str, evaluator: str, values: Mapping[str, float]) -> None:
        """Replace the parameter importances that one evaluator found in a study."""
        names = {"study_name": study_name, "evaluator": evaluator}
        rows = [names | {"parameter": key, "value": float(value)} for key, value in values.items()]
        mine = (importance.c.study_name == study_name) & (importance.c.evaluator == evaluator)
        with self._begin() as connection:
            connection.execute(sa.delete(importance).where(mine))
            if rows:
                connection.execute(sa.insert(importance), rows)

    def save_test_evaluation(self, values: Mapping[str, Any]) -> None:
        """Add one look at the test split to the ledger; rows are never changed or removed."""
        self._run(sa.insert(test_evaluation).values(evaluated_at=now(), **values))

    # Reading.

    def study(self, study_name: str) -> dict[str, Any] | None:
        """One study's columns with the spec decoded as `spec`, or None where there is none of that name."""
        with self._begin() as connection:
            row = connection.execute(sa.select(study).where(study.c.study_name == study_name)).mappings().first()
        return None if row is None else dict(row) | {"spec": json.loads(row["spec_json"])}

    def studies(self) -> pd.DataFrame:
        """One row a study, newest first: its columns without the spec, the trials in each state, and `best_value`.

        `best_value` is that of the best COMPLETE trial by the study's direction, NaN where there is none.
        """
        columns = [column for column in study.c if column.name != "spec_json"]
        best = sa.case((study.c.direction == "minimize", sa.func.min(trial.c.value)), else_=sa.func.max(trial.c.value))
        complete = (trial.c.study_name == study.c.study_name) & (trial.c.state == COMPLETE)
        best_value = sa.select(best).where(complete).correlate(study).scalar_subquery().label("best_value")
        frame = self._frame(sa.select(*columns, best_value).order_by(study.c.created_at.desc()))
        counts = self._frame(
            sa.select(trial.c.study_name, trial.c.state, sa.func.count().label("trials")).group_by(
                trial.c.study_name, trial.c.state
            )
        )
        wide = counts.pivot(index="study_name", columns="state", values="trials").reindex(columns=list(STATES))
        frame = frame.join(wide, on="study_name")
        return frame.astype({"best_value": float}).assign(**frame[list(STATES)].fillna(0).astype(int))

    def trials(self, study_name: str) -> pd.DataFrame:
        """One row a trial in the order of their numbers, with the parameters decoded as dicts in `params`."""
        frame = self._frame(sa.select(trial).where(trial.c.study_name == study_name).order_by(trial.c.number))
        frame["params"] = frame.pop("params_json").map(json.loads).astype(object)
        return frame

    def metrics(
        self, trial_ids: Sequence[str], split: str | None = None, names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Metrics of some trials in long form: trial_id, epoch, split, name, value, in the order of epochs."""
        query = sa.select(metric).where(metric.c.trial_id.in_(list(trial_ids)))
        if split is not None:
            query = query.where(metric.c.split == split)
        if names is not None:
            query = query.where(metric.c.name.in_(list(names)))
        return self._frame(query.order_by(metric.c.trial_id, metric.c.epoch))

    def importances(self, study_name: str) -> pd.DataFrame:
        """Parameter importances of a study: evaluator, parameter, value, largest first."""
        query = sa.select(importance.c.evaluator, importance.c.parameter, importance.c.value)
        return self._frame(query.where(importance.c.study_name == study_name).order_by(importance.c.value.desc()))

    def test_evaluations(self, study_name: str) -> pd.DataFrame:
        """The ledger of looks at the test split of one study, oldest first."""
        mine = test_evaluation.c.study_name == study_name
        return self._frame(sa.select(test_evaluation).where(mine).order_by(test_evaluation.c.evaluation_id))

    # The one way to the database.

    def _begin(self):
        return _Transaction(self._engine)

    def _run(self, statement: sa.Executable) -> None:
        with self._begin() as connection:
            connection.execute(statement)

    def _frame(self, query: sa.Select) -> pd.DataFrame:
        with self._begin() as connection:
            return pd.read_sql(query, connection)

    def _upsert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        rows = list(rows)
        if not rows:
            return
        insert = _INSERT[self._engine.dialect.name](table)
        keys = [column.name for column in table.primary_key]
        changed = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        with self._begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def _prepare(self, read_only: bool) -> None:
        with self._engine.begin() as connection:
            if not read_only:
                _tables.create_all(connection)
            elif not sa.inspect(connection).has_table("schema_version"):
                raise StoreError("the store has no tables yet: run a search first")
            version = connection.execute(sa.select(schema_version.c.version)).scalar()
            if version is None and not read_only:
                connection.execute(sa.insert(schema_version).values(version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise StoreError(f"the store has schema version {version}, this code reads {SCHEMA_VERSION}")


class _Transaction:
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
        return f"the store {display_url(str(self._engine.url))} failed: {_reason(error)}"


def _engine(url: str, read_only: bool) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, read_only)
    if parsed.get_backend_name() not in _INSERT:
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
    """A store's URL as it may be shown: without the password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)


def _reason(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__
