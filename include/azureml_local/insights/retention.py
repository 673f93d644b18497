"""How long telemetry is kept: 90 days as in Azure's Application Insights, and never more rows than a disk forgives."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_DAY_SECONDS = 86_400.0
_BATCH = 10_000


@dataclass(frozen=True)
class Retention:
    """Limits on what is kept. A million rows are about 70 MB, and are summarized in one second."""

    days: float = 90.0
    rows: int = 1_000_000


def apply_retention(connection: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Delete what is too old or too much, the oldest first, in short transactions; gives how many rows went.

    `now` is in Unix seconds. The file does not shrink: SQLite fills the free pages again.
    """
    oldest = now - retention.days * _DAY_SECONDS
    (newest_row,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM requests").fetchone()
    removed = _delete(connection, "at < ?", oldest)
    return removed + _delete(connection, "rowid <= ?", newest_row - retention.rows)


def _delete(connection: sqlite3.Connection, condition: str, limit: float) -> int:
    removed = 0
    while True:
        with connection:
            gone = connection.execute(
                f"DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests WHERE {condition} LIMIT {_BATCH})",  # noqa: S608
                (limit,),
            ).rowcount
        removed += gone
        if gone < _BATCH:
            return removed
