"""What is written into the tables: by the driver of a search only, and by who deletes a study."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from tuning.connection import INSERT, StoreError
from tuning.schema import (
    delete_rows,
    finding,
    importance,
    metric,
    objective,
    pruner_audit,
    study,
    test_evaluation,
    trial,
    trial_value,
    user_ranks,
)
from tuning.store.reading import Reading


def now() -> datetime:
    """The time now in UTC, without a zone, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Heard(NamedTuple):
    """The last sign of a driver that a study's row holds."""

    at: datetime | None
    """By the clock of the driver's machine; None where nobody works on the study."""
    driver: str | None


class Finding(NamedTuple):
    """One number that was found out about a study."""

    subject: str
    """What it is about, such as a trial's id."""
    part: str
    """Which part of it, such as a seed or a slice of users; empty where there is only one."""
    name: str
    value: float


class Writing(Reading):
    """Every method is a transaction: all of it or nothing."""

    def create_study(
        self, values: Mapping[str, Any], also_minimize: Sequence[str] = (), also_maximize: Sequence[str] = ()
    ) -> None:
        """Insert a study row; `values` are its columns, and what it also maximises and minimises its objectives after
        the first, in this order.

        Raises:
            StoreError: a study of that name exists.
        """
        directions = {values["objective"]: values["direction"]} | dict.fromkeys(also_maximize, "maximize")
        directions |= dict.fromkeys(also_minimize, "minimize")
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
        with self._begin() as connection:
            _save_trial(connection, values)
            for table in (metric, user_ranks):
                self._copy_rows(connection, table, earlier_id, values["trial_id"])

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

    def save_findings(self, study_name: str, topic: str, findings: Iterable[Finding]) -> None:
        """Replace what was found out about a study on one topic. NaN is left out."""
        names = {"study_name": study_name, "topic": topic}
        rows = [
            names | {"position": position, **one._asdict()}
            for position, one in enumerate(findings)
            if not math.isnan(one.value)
        ]
        with self._begin() as connection:
            mine = (finding.c.study_name == study_name) & (finding.c.topic == topic)
            connection.execute(sa.delete(finding).where(mine))
            if rows:
                connection.execute(sa.insert(finding), rows)

    def save_user_ranks(self, trial_id: str, epoch: int, ranks: bytes) -> None:
        """Insert or replace the validation ranks of the same users after one epoch."""
        self._upsert(user_ranks, [{"trial_id": trial_id, "epoch": epoch, "ranks": ranks}])

    def _copy_rows(self, connection: sa.Connection, table: sa.Table, old_id: str, new_id: str) -> None:
        """Give one trial another's rows of a table, but for those that it has."""
        rest = [column for column in table.c if column.name != "trial_id"]
        rows = sa.select(sa.literal(new_id), *rest).where(table.c.trial_id == old_id)
        names = ["trial_id", *(column.name for column in rest)]
        copied = INSERT[self._engine.dialect.name](table).from_select(names, rows)
        connection.execute(copied.on_conflict_do_nothing())


def _save_trial(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    key = {"trial_id": values["trial_id"]}
    rest = {name: value for name, value in values.items() if name != "trial_id"}
    changed = connection.execute(sa.update(trial).where(trial.c.trial_id == key["trial_id"]).values(**rest))
    if not changed.rowcount:
        connection.execute(sa.insert(trial).values(**key, **rest))
