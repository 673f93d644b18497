"""`insights.db`, one row per scoring request, and `inputs.db`, some of their rows (docs/architecture.md)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, by its name, the number of its columns, and the statement that makes it when it is missing."""

    name: str
    columns: int
    create: str


# No index on `at`: writing would cost three times as much, to save a query over a million rows a tenth of a second.
REQUESTS = Table(
    name="requests",
    columns=8,
    create="""
CREATE TABLE IF NOT EXISTS requests(
    at REAL NOT NULL, duration_ms REAL NOT NULL, status INTEGER NOT NULL, rows INTEGER NOT NULL,
    model_version INTEGER NOT NULL, unseen_categories INTEGER NOT NULL, operation_id TEXT NOT NULL, error TEXT NOT NULL
)
""",
)

INPUTS = Table(
    name="inputs",
    columns=3,
    create="CREATE TABLE IF NOT EXISTS inputs(at REAL NOT NULL, model_version INTEGER NOT NULL, row TEXT NOT NULL)",
)


RequestValues = tuple[float, float, int, int, int, int, str, str]
"""The values of a `RequestRecord` as a plain tuple, which a request makes in a fraction of the time."""


class RequestRecord(NamedTuple):
    """One scoring request, in the order of the table's columns.

    `at` is its start in Unix seconds, `duration_ms` lasts from its headers to its answer, `rows` counts rows scored,
    `operation_id` is the trace id of a `traceparent` header or else the request id, `error` is empty for a 200.
    """

    at: float
    duration_ms: float
    status: int
    rows: int
    model_version: int
    unseen_categories: int
    operation_id: str
    error: str


def open_for_writing(path: Path, table: Table = REQUESTS) -> sqlite3.Connection:
    """The database of one service and one table, made when missing.

    In WAL mode a kill -9 leaves it valid and readers never wait.

    :raises sqlite3.Error: the disk is full, the file is no database, ...
    """
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={16 * 1024 * 1024}")
        connection.execute(table.create)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The database read-only. :raises sqlite3.Error: it is missing or no database."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """False for the moment between the file's making and the table's."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None
