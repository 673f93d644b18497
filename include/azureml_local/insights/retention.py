"""How long telemetry is kept: 90 days as in Azure's Application Insights, and never more than a disk forgives."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from azureml_local.insights.schema import Table

_DAY_SECONDS = 86_400.0
_BATCH = 10_000


@dataclass(frozen=True)
class Retention:
    """Limits on what is kept. A million requests are about 70 MB, and are summarized in one second.

    `row_bytes` is of the table's column `row`; None for a table without one.
    """

    days: float = 90.0
    rows: int = 1_000_000
    row_bytes: int | None = None


def apply_retention(connection: sqlite3.Connection, table: Table, retention: Retention, now: float) -> int:
    """Delete what is too old or too much, the oldest first, in short transactions; gives how many rows went.

    `now` is in Unix seconds. The file does not shrink: SQLite fills the free pages again.
    """
    oldest = now - retention.days * _DAY_SECONDS
    (newest_row,) = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table.name}").fetchone()  # noqa: S608
    removed = _delete(connection, table, "at < ?", oldest)
    removed += _delete(connection, table, "rowid <= ?", newest_row - retention.rows)
    if retention.row_bytes is None:
        return removed
    return removed + _delete(connection, table, "rowid <= ?", _last_beyond(connection, table, retention.row_bytes))


def _last_beyond(connection: sqlite3.Connection, table: Table, most: int) -> int:
    """The newest row that does not fit into `most` bytes with all that are newer; 0 when all fit."""
    query = (
        "SELECT coalesce(max(rowid), 0) FROM (SELECT rowid, sum(length(CAST(row AS BLOB))) OVER "  # noqa: S608
        f"(ORDER BY rowid DESC) AS size FROM {table.name}) WHERE size > ?"
    )
    (found,) = connection.execute(query, (most,)).fetchone()
    return int(found)


def _delete(connection: sqlite3.Connection, table: Table, condition: str, limit: float) -> int:
    removed = 0
    chosen = f"SELECT rowid FROM {table.name} WHERE {condition} LIMIT {_BATCH}"  # noqa: S608
    while True:
        with connection:
            gone = connection.execute(f"DELETE FROM {table.name} WHERE rowid IN ({chosen})", (limit,)).rowcount  # noqa: S608
        removed += gone
        if gone < _BATCH:
            return removed
