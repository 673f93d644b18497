"""Keeping a sample of the rows that clients had scored, so that somebody can tell when they stop being like training.

They are personal data as often as not. So they have a file of their own, `inputs.db`, of its owner alone, which may be
deleted at any time and is not made when a deployment says `collect_inputs=False`.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from azureml_local.insights.batches import BatchLog
from azureml_local.insights.retention import Retention, apply_retention
from azureml_local.insights.schema import INPUTS, has_table, open_for_reading
from azureml_workspace.records import InputSample

MAX_ROW_BYTES = 32 * 1024
"""A longer row is not kept. Azure's Application Insights cuts off what is longer."""
BURST_ROWS = 1000
ROWS_PER_SECOND = 5.0
"""On average, and at once: a busy service costs nothing more, and a large batch is not lost."""
KEPT = Retention(days=90.0, rows=100_000, row_bytes=256 * 1024 * 1024)

_random = random.Random()
_READ = "SELECT row FROM inputs WHERE at >= ? ORDER BY at DESC, rowid DESC LIMIT ?"
_SCORED = "SELECT coalesce(sum(rows), 0) FROM requests WHERE at >= ?"

_Taken = tuple[float, int, list[bytes]]
"""When (Unix seconds), by which model version, the rows as JSON."""


class InputLog(BatchLog[_Taken]):
    """The sampled inputs of one service. `offer` is for one thread, the event loop's."""

    def __init__(self, path: Path, *, interval: float = 0.5, retention: Retention = KEPT) -> None:
        self._retention = retention
        self._allowance = float(BURST_ROWS)
        self._refilled = 0.0
        path.touch(mode=0o600, exist_ok=True)
        super().__init__(path, INPUTS, capacity=BURST_ROWS, interval=interval)

    def offer(self, at: float, model_version: int, rows: Sequence[msgspec.Raw]) -> None:
        """Keep the rows of a request, or some of them by chance, or none: as many as the allowance has left."""
        self._allowance = min(BURST_ROWS, self._allowance + max(0.0, at - self._refilled) * ROWS_PER_SECOND)
        self._refilled = at
        left = int(self._allowance)
        if not left:
            return
        chosen = rows if len(rows) <= left else _random.sample(rows, left)
        self._allowance -= len(chosen)
        # Copied: a raw row holds on to the whole body that it is a part of.
        self.record((at, model_version, [bytes(row) for row in chosen]))

    def values(self, batch: list[_Taken]) -> list[tuple[object, ...]]:
        """A row of the table for each row that is not too long."""
        return [
            (at, model_version, row.decode())
            for at, model_version, rows in batch
            for row in rows
            if len(row) <= MAX_ROW_BYTES
        ]

    def forget(self, connection: sqlite3.Connection) -> None:
        """See `Retention`."""
        apply_retention(connection, INPUTS, self._retention, time.time())


def read_inputs(
    service_name: str, *, inputs: Path, requests: Path, collecting: bool, since_seconds: float, limit: int
) -> InputSample:
    """The newest `limit` rows of the last `since_seconds`, from a service's `inputs.db` and `insights.db`.

    A service that never kept any has no such file, and a sample without rows.

    :raises sqlite3.Error: a file is there and is no database.
    """
    since = time.time() - since_seconds
    found = _query(inputs, INPUTS.name, _READ, (since, limit))
    scored = _query(requests, "requests", _SCORED, (since,))
    return InputSample(
        service_name=service_name,
        since=datetime.fromtimestamp(since, UTC),
        collecting=collecting,
        scored=scored[0][0] if scored else 0,
        rows=tuple(msgspec.json.decode(row) for (row,) in found),
    )


def _query(path: Path, table: str, query: str, values: tuple[float, ...]) -> list[tuple[Any, ...]]:
    if not path.is_file():
        return []
    with closing(open_for_reading(path)) as connection:
        return connection.execute(query, values).fetchall() if has_table(connection, table) else []
