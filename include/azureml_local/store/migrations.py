"""Brings the tables of an earlier schema version up to this one, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from azureml_local.store.schema import SCHEMA_VERSION, Base

_STEPS: Mapping[int, Sequence[str]] = {
    # 2: pipelines. Their tables are made with all others; AutoML runs learn which pipeline run they are a step of.
    1: (
        "ALTER TABLE runs ADD COLUMN parent_run_id VARCHAR",
        "CREATE UNIQUE INDEX ix_runs_parent_run_id ON runs (parent_run_id)",
    ),
    # 3: documents, which have a table of their own.
    2: (),
}
"""By the version they start from: what leads to the next one."""

READABLE_VERSIONS = frozenset(_STEPS) | {SCHEMA_VERSION}


def bring_up_to_date(connection: Connection, found: int) -> None:
    """Make every table that is missing, and change those that version `found` (0: a new database) had otherwise.

    A crash in the middle leaves the database as it was: everything is one transaction.
    """
    # Python's sqlite3 opens a transaction before rows are changed, but not before tables are.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    for version in range(found or SCHEMA_VERSION, SCHEMA_VERSION):
        for statement in _STEPS[version]:
            connection.exec_driver_sql(statement)
    Base.metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
