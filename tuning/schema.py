"""The store's tables, the words that stand in them, and how an older store becomes one of today.

Long form, so that a chart needs no decoding. Names of columns and tables are these constants everywhere.
"""

from collections.abc import Callable

import sqlalchemy as sa

SCHEMA_VERSION = 3

WAITING, RUNNING, COMPLETE, PRUNED, FAIL = STATES = ("WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAIL")
DIVERGED, OUT_OF_MEMORY, WORKER_LOST, INVALID, CANCELLED, EXCEPTION, TIMED_OUT, OVER_LIMIT, STORAGE_FULL = REASONS = (
    "diverged",
    "out-of-memory",
    "worker-lost",
    "invalid",
    "cancelled",
    "exception",
    "timed-out",
    "over-limit",
    "storage-full",
)
"""Why a trial is FAIL; `exception` is an error of the trial's own that none of the others names. Only `over-limit` is
the reason of a PRUNED one: it was stopped since it needs more than a trial may, and no pruner has judged it."""

TRAIN_SECONDS, PARAMETERS = "train_seconds", "parameters"
"""What a trial cost, among its values: seconds of training, and how many numbers its model learns."""
REPORTED_SECONDS = "train/reported_seconds"
"""Metric of every epoch: from the creation of the study until the driver heard of it."""
MEMORY_BYTES = "train/memory_bytes"
"""Metric of every epoch: the most memory that its worker has held in this trial."""
CUT_OFF = (CANCELLED, STORAGE_FULL)
"""Reasons that are no fault of the trial: a resumed study goes on with it."""

tables = sa.MetaData()
schema_version = sa.Table("schema_version", tables, sa.Column("version", sa.Integer, primary_key=True))
study = sa.Table(
    "study",
    tables,
    sa.Column("study_name", sa.String(200), primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("objective", sa.Text, nullable=False),  # the first one, a metric key such as valid/ndcg@10
    sa.Column("direction", sa.String(8), nullable=False),  # its: maximize or minimize
    sa.Column("mask_seen", sa.Boolean, nullable=False),
    sa.Column("spec_json", sa.Text, nullable=False),  # the resolved spec: configuration, space, versions
    sa.Column("trials_asked", sa.Integer, nullable=False),
    sa.Column("data_fingerprint", sa.Text, nullable=False),
    sa.Column("storage_path", sa.Text, nullable=False),
    sa.Column("dataset_folder", sa.Text),  # where image paths of the items are relative to
    sa.Column("git_sha", sa.Text),
    sa.Column("created_at", sa.DateTime, nullable=False),  # every time is UTC
    sa.Column("driver", sa.Text),  # host and process of the search at work
    sa.Column("heartbeat_at", sa.DateTime),  # the driver was alive then
    sa.Column("ended_at", sa.DateTime),
)
objective = sa.Table(
    "objective",
    tables,
    sa.Column("study_name", sa.ForeignKey("study.study_name"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),  # 0 is the one that prunes
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("direction", sa.String(8), nullable=False),
)
trial = sa.Table(
    "trial",
    tables,
    sa.Column("trial_id", sa.String(250), primary_key=True),
    sa.Column("study_name", sa.ForeignKey("study.study_name"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),  # Optuna's
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(20)),
    sa.Column("params_json", sa.Text, nullable=False),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("value", sa.Float),  # the first objective at best_epoch
    sa.Column("started_at", sa.DateTime),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("error", sa.Text),
    sa.Column("checkpoint", sa.Text),  # the latest training state, to go on from
    sa.Column("retry_of", sa.Integer),  # number of the trial this one goes on with
    sa.Column("pruned_epoch", sa.Integer),  # the pruner's verdict fell here; a trial that is not PRUNED was audited
)
trial_value = sa.Table(
    "trial_value",
    tables,
    sa.Column("trial_id", sa.ForeignKey("trial.trial_id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),  # an objective's
    sa.Column("value", sa.Float, nullable=False),
)
metric = sa.Table(
    "metric",
    tables,
    sa.Column("trial_id", sa.ForeignKey("trial.trial_id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),  # 1-based
    sa.Column("split", sa.String(10), primary_key=True),  # train or valid
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)
importance = sa.Table(
    "importance",
    tables,
    sa.Column("study_name", sa.ForeignKey("study.study_name"), primary_key=True),
    sa.Column("evaluator", sa.String(50), primary_key=True),
    sa.Column("parameter", sa.String(100), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)
pruner_audit = sa.Table(
    "pruner_audit",
    tables,
    sa.Column("study_name", sa.ForeignKey("study.study_name"), primary_key=True),
    sa.Column("name", sa.String(50), primary_key=True),  # regret, rank_correlation, trials
    sa.Column("epoch", sa.Integer, primary_key=True),  # of the rung; 0 for what is said of the whole study
    sa.Column("value", sa.Float, nullable=False),
)
finding = sa.Table(
    "finding",
    tables,
    sa.Column("study_name", sa.ForeignKey("study.study_name"), primary_key=True),
    sa.Column("topic", sa.String(50), primary_key=True),  # such as ties, ablation
    sa.Column("subject", sa.String(250), primary_key=True),  # what it is about: a trial, a part of the model
    sa.Column("part", sa.String(100), primary_key=True),  # which part of it: a seed, a slice of users
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),  # order within the topic
    sa.Column("value", sa.Float, nullable=False),
)
user_ranks = sa.Table(
    "user_ranks",
    tables,
    sa.Column("trial_id", sa.ForeignKey("trial.trial_id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),  # 1-based
    sa.Column("ranks", sa.LargeBinary, nullable=False),  # validation ranks of the same users, little-endian uint32
)
test_evaluation = sa.Table(
    "test_evaluation",
    tables,
    sa.Column("evaluation_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("study_name", sa.ForeignKey("study.study_name"), nullable=False, index=True),
    sa.Column("trial_id", sa.Text),
    sa.Column("evaluated_by", sa.Text, nullable=False),
    sa.Column("evaluated_at", sa.DateTime, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("mask_seen", sa.Boolean, nullable=False),
    sa.Column("metrics_json", sa.Text, nullable=False),
)


def count_rows(connection: sa.Connection, study_name: str) -> dict[str, int]:
    """How many rows each table has of a study."""
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table).where(mine)).scalar_one()
        for table, mine in _rows_of(study_name)
    }


def delete_rows(connection: sa.Connection, study_name: str) -> None:
    """Remove a study's rows from every table."""
    for table, mine in _rows_of(study_name):
        connection.execute(sa.delete(table).where(mine))


def _rows_of(study_name: str) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Every table that has rows of studies with what picks one study's, those that refer to others first."""
    trials = sa.select(trial.c.trial_id).where(trial.c.study_name == study_name)
    return [
        (table, table.c.study_name == study_name if "study_name" in table.c else table.c.trial_id.in_(trials))
        for table in reversed(tables.sorted_tables)
        if table is not schema_version
    ]


def _to_version_2(connection: sa.Connection) -> None:
    """Several objectives, a driver's name, the pruner's verdicts."""
    connection.execute(sa.text("ALTER TABLE study ADD COLUMN driver TEXT"))
    connection.execute(sa.text("ALTER TABLE trial ADD COLUMN pruned_epoch INTEGER"))
    for table in (objective, trial_value, pruner_audit):
        table.create(connection)
    first = sa.select(study.c.study_name, sa.literal(0), study.c.objective, study.c.direction)
    connection.execute(objective.insert().from_select(["study_name", "position", "name", "direction"], first))
    ended = trial.join(study, trial.c.study_name == study.c.study_name)
    values = sa.select(trial.c.trial_id, study.c.objective, trial.c.value).select_from(ended)
    with_value = values.where(trial.c.value.is_not(None) & trial.c.state.in_([COMPLETE, PRUNED]))
    connection.execute(trial_value.insert().from_select(["trial_id", "name", "value"], with_value))


def _to_version_3(connection: sa.Connection) -> None:
    """What was found out about a study, and validation ranks user by user."""
    for table in (finding, user_ranks):
        table.create(connection)


_STEPS: dict[int, Callable[[sa.Connection], None]] = {1: _to_version_2, 2: _to_version_3}
"""What takes a store of a version to the next one."""


def prepare(connection: sa.Connection) -> int:
    """Make the tables, or take those of an older version forward; gives the version there is then.

    All of it in the caller's transaction, so that a store is of one version or of the next.
    """
    if not sa.inspect(connection).has_table(schema_version.name):
        tables.create_all(connection)
    version = connection.execute(sa.select(schema_version.c.version)).scalar()
    if version is None:  # made a moment ago
        connection.execute(sa.insert(schema_version).values(version=SCHEMA_VERSION))
        return SCHEMA_VERSION
    while version in _STEPS:
        _STEPS[version](connection)
        version += 1
        connection.execute(sa.update(schema_version).values(version=version))
    return version
