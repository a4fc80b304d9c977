"""A store as the first version of the schema has it."""

import sqlalchemy as sa

from tuning import schema
from tuning.store import Store


def make_version_1(store: Store) -> None:
    """Take away what has come since."""
    with store._begin() as connection:
        for table in (schema.objective, schema.trial_value, schema.pruner_audit, schema.finding, schema.user_ranks):
            table.drop(connection)
        connection.execute(sa.text("ALTER TABLE study DROP COLUMN driver"))
        connection.execute(sa.text("ALTER TABLE trial DROP COLUMN pruned_epoch"))
        connection.execute(sa.update(schema.schema_version).values(version=1))
