"""Recording requests: one row for each, whatever became of it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from azureml_local.insights.batches import BatchLog
from azureml_local.insights.retention import Retention, apply_retention
from azureml_local.insights.schema import REQUESTS, RequestValues


class RequestLog(BatchLog[RequestValues]):
    """The telemetry of one service while Application Insights is on; takes the values of a `RequestRecord`."""

    def __init__(
        self, path: Path, *, capacity: int = 50_000, interval: float = 0.25, retention: Retention | None = None
    ) -> None:
        self._retention = retention or Retention()
        super().__init__(path, REQUESTS, capacity=capacity, interval=interval)

    def values(self, batch: list[RequestValues]) -> list[tuple[object, ...]]:
        """Each request as it is."""
        return list(batch)

    def forget(self, connection: sqlite3.Connection) -> None:
        """See `Retention`."""
        apply_retention(connection, REQUESTS, self._retention, time.time())
