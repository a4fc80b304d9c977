"""What is read of the tables: by the dashboard, and by whoever goes on with a study."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from tuning.schema import (
    COMPLETE,
    INVALID,
    STATES,
    count_rows,
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
from tuning.store.tables import Tables


class Reading(Tables):
    """Reads as data frames in long form, or as plain values."""

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

    def findings(self, study_name: str, topic: str) -> pd.DataFrame:
        """What was found out about a study on one topic: subject, part, name, value, in the order of writing."""
        query = sa.select(finding.c.subject, finding.c.part, finding.c.name, finding.c.value)
        mine = (finding.c.study_name == study_name) & (finding.c.topic == topic)
        return self._frame(query.where(mine).order_by(finding.c.position))

    def user_ranks(self, trial_ids: Sequence[str]) -> pd.DataFrame:
        """Validation ranks of the same users after epochs of some trials: trial_id, epoch, ranks (bytes)."""
        query = sa.select(user_ranks).where(user_ranks.c.trial_id.in_(list(trial_ids)))
        return self._frame(query.order_by(user_ranks.c.trial_id, user_ranks.c.epoch))
