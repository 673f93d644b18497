"""Airflow reads this module when it starts, in every process of this checkout's own Airflow.

SQLite gives a transaction that has read and then writes no second chance: when another process wrote in between, it is
told "database is locked" at once, however long it would have waited. Airflow gets there whenever it opens a savepoint,
which begins such a transaction, and makes DAG runs in it: a triggered run or a whole backfill failed now and then. So a
savepoint that opens a transaction asks for the right to write first, and waits for its turn like everybody else
(https://www.sqlite.org/isolation.html, https://www.sqlite.org/rescode.html#busy_snapshot).
"""

from __future__ import annotations

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "savepoint")
def write_from_the_start(connection: Connection, _name: str | None) -> None:
    """Begin the transaction that the savepoint would begin, as one that writes."""
    if connection.dialect.name != "sqlite":
        return
    raw = connection.connection.driver_connection
    if raw is not None and not raw.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
