"""Writing to SQLite without making requests wait: a queue, and a thread that commits it a few times a second.

Measured: 0.1 us on the request's side, 2 us of background CPU per request, against 6 us for an insert per request.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from typing import Generic, TypeVar

from azureml_local.insights.schema import Table, open_for_writing

log = logging.getLogger(__name__)

_ROWS_PER_STATEMENT = 500
_RETENTION_SECONDS = 600.0

T = TypeVar("T")


class BatchLog(ABC, Generic[T]):
    """A table that is written in batches. `record` may be called from any thread.

    When the database cannot be written (disk full) records wait in the queue; beyond `capacity` they are dropped and
    counted, for a request must never wait for what is noted of it.
    """

    def __init__(self, path: Path, table: Table, *, capacity: int, interval: float) -> None:
        self._path = path
        self._table = table
        self._capacity = capacity
        self._interval = interval
        self._queue: deque[T] = deque()
        self._batch: list[T] = []  # taken from the queue and not committed: tried again after an error
        self._connection: sqlite3.Connection | None = None
        self._stop = threading.Event()
        self._dropped = 0
        self._reported_dropped = 0
        self._trouble = ""
        self._next_retention = 0.0
        self._thread = threading.Thread(target=self._run, name=path.stem, daemon=True)
        self._thread.start()

    def record(self, item: T) -> None:
        """Note one item; returns at once and never raises."""
        if len(self._queue) < self._capacity:
            self._queue.append(item)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what is queued and end the thread. Waits for the disk, so not for an event loop."""
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def values(self, batch: list[T]) -> list[tuple[object, ...]]:
        """The rows of the table that the items make; called in the thread."""

    @abstractmethod
    def forget(self, connection: sqlite3.Connection) -> None:
        """Delete what is kept long enough; called in the thread every ten minutes."""

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._work()
        self._work()
        self._work()  # what came in while an earlier batch had its second try
        lost = len(self._batch) + len(self._queue)
        if lost:
            log.error("insights: %d records could not be written: %s", lost, self._trouble)
        if self._connection is not None:
            self._connection.close()

    def _work(self) -> None:
        try:
            self._flush()
        except sqlite3.Error as error:
            self._report_trouble(str(error))
        else:
            self._trouble = ""
        if self._dropped > self._reported_dropped:
            log.warning("insights: %d records dropped, the queue was full", self._dropped - self._reported_dropped)
            self._reported_dropped = self._dropped

    def _flush(self) -> None:
        if self._connection is None:
            self._connection = open_for_writing(self._path, self._table)
        if not self._batch:
            self._batch = [self._queue.popleft() for _ in range(len(self._queue))]
        if self._batch:
            with self._connection:
                _insert(self._connection, self._table, self.values(self._batch))
            self._batch = []
        if time.monotonic() >= self._next_retention:
            self._next_retention = time.monotonic() + _RETENTION_SECONDS
            self.forget(self._connection)

    def _report_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("insights: %s cannot be written, trying again: %s", self._path.name, trouble)
        self._trouble = trouble
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _insert(connection: sqlite3.Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    """Insert many rows with few statements.

    `executemany` gives the interpreter lock away and takes it back for every row, and each taking back waits for the
    busy event loop to let go: measured 50 to 400 us per row, against 3 us for rows of one statement.
    """
    places = f"({', '.join('?' * table.columns)})"
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        part = rows[start : start + _ROWS_PER_STATEMENT]
        values = ", ".join([places] * len(part))
        connection.execute(f"INSERT INTO {table.name} VALUES {values}", list(itertools.chain.from_iterable(part)))  # noqa: S608
