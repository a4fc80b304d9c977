"""The store: where a search writes and the dashboard reads. One SQLAlchemy URL, SQLite or PostgreSQL.

Tables are in long form, so a chart needs no decoding. One writer (the driver of a search), any number of readers.
With `schema.py` and `connection.py` it is all of the project that the dashboard imports, so they import nothing else
of it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from tuning.connection import INSERT, OlderStoreError, StoreError, Transaction, display_url, make_engine, reason_of
from tuning.schema import (
    COMPLETE,
    INVALID,
    SCHEMA_VERSION,
    STATES,
    count_rows,
    delete_rows,
    importance,
    metric,
    objective,
    prepare,
    pruner_audit,
    schema_version,
    study,
    test_evaluation,
    trial,
    trial_value,
)

DEFAULT_URL = "sqlite:///results/athwe.db"
LIVE_SECONDS = 30.0
"""A heartbeat younger than this may belong to a driver that is still at work."""


def now() -> datetime:
    """The time now in UTC, without a zone, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Heard(NamedTuple):
    """The last sign of a driver that a study's row holds."""

    at: datetime | None
    """By the clock of the driver's machine; None where nobody works on the study."""
    driver: str | None


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
            store = cls(make_engine(url, read_only))
            store._prepare(read_only)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, SQLAlchemyError, OSError) as error:
            raise StoreError(f"cannot open the store {display_url(url)}: {reason_of(error)}") from None
        return store

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing: the driver of a search only, and who deletes a study.

    def create_study(self, values: Mapping[str, Any], also_minimize: Sequence[str] = ()) -> None:
        """Insert a study row; `values` are its columns, `also_minimize` its objectives after the first.

        Raises:
            StoreError: a study of that name exists.
        """
        directions = {values["objective"]: values["direction"]} | dict.fromkeys(also_minimize, "minimize")
        rows = [
            {"study_name": values["study_name"], "position": position, "name": name, "direction": direction}
            for position, (name, direction) in enumerate(directions.items())
        ]
        try:
            with self._begin() as connection:
                connection.execute(sa.insert(study).values(created_at=now(), **values))
                connection.execute(sa.insert(objective), rows)
        except StoreError as error:
            if self.study(values["study_name"]) is None:
                raise
            raise StoreError(f"study {values['study_name']!r} exists already in this store") from error

    def update_study(self, study_name: str, **values: Any) -> None:
        """Change columns of one study, such as `heartbeat_at` and `ended_at`."""
        self._run(sa.update(study).where(study.c.study_name == study_name).values(**values))

    def claim_study(self, study_name: str, driver: str, heard: Heard) -> bool:
        """Make `driver` the one that works on a study, if nothing was heard there since `heard`; whether it is.

        One statement, so of two that try at once one succeeds, and a driver that lives after all is left alone.
        """
        silent = study.c.heartbeat_at.is_not_distinct_from(heard.at) & study.c.driver.is_not_distinct_from(heard.driver)
        with self._begin() as connection:
            claim = sa.update(study).where((study.c.study_name == study_name) & silent)
            return bool(connection.execute(claim.values(driver=driver, heartbeat_at=now())).rowcount)

    def release_study(self, study_name: str, driver: str | None) -> None:
        """Let go of a study that `driver` has claimed; nothing where another one has it by now."""
        mine = (study.c.study_name == study_name) & (study.c.driver == driver)
        self._run(sa.update(study).where(mine).values(driver=None, heartbeat_at=None))

    def beat(self, study_name: str, driver: str) -> bool:
        """Say that `driver` is alive; whether the study is still its own."""
        mine = (study.c.study_name == study_name) & (study.c.driver == driver)
        with self._begin() as connection:
            return bool(connection.execute(sa.update(study).where(mine).values(heartbeat_at=now())).rowcount)

    def heartbeat(self, study_name: str) -> Heard:
        """The last sign of a driver of the study."""
        row = self.study(study_name) or {}
        return Heard(row.get("heartbeat_at"), row.get("driver"))

    def save_trial(self, values: Mapping[str, Any]) -> None:
        """Insert a trial, or change the columns given of the one with that `trial_id`.

        Columns that may not be empty (`study_name`, `number`, `state`, `params_json`) are needed the first time only.
        """
        with self._begin() as connection:
            _save_trial(connection, values)

    def save_continued_trial(self, values: Mapping[str, Any], earlier_id: str) -> None:
        """Insert a trial with every epoch of the one that it goes on with: both or neither."""
        rest = [column for column in metric.c if column.name != "trial_id"]
        epochs = sa.select(sa.literal(values["trial_id"]), *rest).where(metric.c.trial_id == earlier_id)
        names = ["trial_id", *(column.name for column in rest)]
        copied = INSERT[self._engine.dialect.name](metric).from_select(names, epochs)
        with self._begin() as connection:
            _save_trial(connection, values)
            connection.execute(copied.on_conflict_do_nothing())

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

    def save_values(self, trial_id: str, values: Mapping[str, float]) -> None:
        """Insert or replace the objectives' values of a trial that ended."""
        self._upsert(trial_value, [{"trial_id": trial_id, "name": name, "value": v} for name, v in values.items()])

    def save_pruner_audit(self, study_name: str, values: Mapping[tuple[str, int], float]) -> None:
        """Replace what is known of the pruner's verdicts: values by name and epoch, epoch 0 for the whole study."""
        rows = [
            {"study_name": study_name, "name": name, "epoch": epoch, "value": float(value)}
            for (name, epoch), value in values.items()
        ]
        with self._begin() as connection:
            connection.execute(sa.delete(pruner_audit).where(pruner_audit.c.study_name == study_name))
            if rows:
                connection.execute(sa.insert(pruner_audit), rows)

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

    def delete_study(self, study_name: str) -> None:
        """Remove a study and all that refers to it from every table, in one transaction."""
        with self._begin() as connection:
            delete_rows(connection, study_name)

    # Reading.

    def row_counts(self, study_name: str) -> dict[str, int]:
        """How many rows each table has of a study."""
        with self._begin() as connection:
            return count_rows(connection, study_name)

    def study(self, study_name: str) -> dict[str, Any] | None:
        """One study's columns with the spec decoded as `spec`, or None where there is none of that name."""
        with self._begin() as connection:
            row = connection.execute(sa.select(study).where(study.c.study_name == study_name)).mappings().first()
        return None if row is None else dict(row) | {"spec": json.loads(row["spec_json"])}

    def studies(self) -> pd.DataFrame:
        """One row a study, newest first: its columns but for the spec, trials in each state, `invalid`, `best_value`.

        `invalid` are those of the failed ones that could not be trained and count for nothing that was asked for.
        `best_value` is that of the best COMPLETE trial by the study's direction, NaN where there is none.
        """
        columns = [column for column in study.c if column.name != "spec_json"]
        best = sa.case((study.c.direction == "minimize", sa.func.min(trial.c.value)), else_=sa.func.max(trial.c.value))
        complete = (trial.c.study_name == study.c.study_name) & (trial.c.state == COMPLETE)
        best_value = sa.select(best).where(complete).correlate(study).scalar_subquery().label("best_value")
        never_ran = (trial.c.study_name == study.c.study_name) & (trial.c.reason == INVALID)
        invalid = sa.select(sa.func.count(trial.c.trial_id)).where(never_ran).correlate(study).scalar_subquery()
        query = sa.select(*columns, best_value, invalid.label("invalid"))
        frame = self._frame(query.order_by(study.c.created_at.desc()))
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

    def objectives(self, study_name: str) -> dict[str, str]:
        """A study's objectives and their directions, the one that prunes first."""
        query = sa.select(objective.c.name, objective.c.direction).where(objective.c.study_name == study_name)
        with self._begin() as connection:
            return {row.name: row.direction for row in connection.execute(query.order_by(objective.c.position))}

    def values(self, study_name: str) -> pd.DataFrame:
        """The objectives' values of the trials that ended: trial_id, number, state, reason, name, value."""
        columns = (trial.c.trial_id, trial.c.number, trial.c.state, trial.c.reason, trial_value.c.name)
        query = sa.select(*columns, trial_value.c.value).join(trial, trial.c.trial_id == trial_value.c.trial_id)
        return self._frame(query.where(trial.c.study_name == study_name).order_by(trial.c.number))

    def pruner_audit(self, study_name: str) -> pd.DataFrame:
        """What is known of the pruner's verdicts: name, epoch, value."""
        query = sa.select(pruner_audit.c.name, pruner_audit.c.epoch, pruner_audit.c.value)
        return self._frame(query.where(pruner_audit.c.study_name == study_name).order_by(pruner_audit.c.epoch))

    def test_evaluations(self, study_name: str) -> pd.DataFrame:
        """The ledger of looks at the test split of one study, oldest first."""
        mine = test_evaluation.c.study_name == study_name
        return self._frame(sa.select(test_evaluation).where(mine).order_by(test_evaluation.c.evaluation_id))

    # The one way to the database.

    def _begin(self):
        return Transaction(self._engine)

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
        insert = INSERT[self._engine.dialect.name](table)
        keys = [column.name for column in table.primary_key]
        changed = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        with self._begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def _prepare(self, read_only: bool) -> None:
        with self._engine.begin() as connection:
            if not read_only:
                version = prepare(connection)
            elif not sa.inspect(connection).has_table(schema_version.name):
                raise StoreError("the store has no tables yet: run a search first")
            else:
                version = connection.execute(sa.select(schema_version.c.version)).scalar_one()
        found = f"the store has schema version {version}, this code reads {SCHEMA_VERSION}"
        if version < SCHEMA_VERSION:
            raise OlderStoreError(f"{found}: `python tuning/studies.py list` takes it forward")
        if version > SCHEMA_VERSION:
            raise StoreError(f"{found}: update athwe")


def _save_trial(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    key = {"trial_id": values["trial_id"]}
    rest = {name: value for name, value in values.items() if name != "trial_id"}
    changed = connection.execute(sa.update(trial).where(trial.c.trial_id == key["trial_id"]).values(**rest))
    if not changed.rowcount:
        connection.execute(sa.insert(trial).values(**key, **rest))
