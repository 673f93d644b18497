"""Reading telemetry: the summary of one web service."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from azureml_local.insights.schema import has_table, open_for_reading
from azureml_workspace.records import RequestSummary

_QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}

_TOTALS = """
SELECT count(*), coalesce(sum(status >= 400), 0), coalesce(sum(rows), 0), coalesce(sum(unseen_categories), 0),
       avg(duration_ms)
FROM requests WHERE at >= ?
"""
_BY_STATUS = "SELECT status, count(*) FROM requests WHERE at >= ? GROUP BY status ORDER BY status"
_RANKED = """
SELECT place, duration_ms
FROM (SELECT duration_ms, row_number() OVER (ORDER BY duration_ms) AS place FROM requests WHERE at >= ?)
WHERE place IN (?, ?, ?)
"""


def summarize(db_path: Path, service_name: str, enabled: bool, since_seconds: float | None = None) -> RequestSummary:
    """Telemetry of the last `since_seconds`, of everything kept when None.

    Percentiles are exact, by nearest rank: the smallest latency that at least that share of requests did not exceed.
    A service that never had insights on has no database, and a summary of zeros.

    :raises sqlite3.Error: the file is there and is no database.
    """
    since = None if since_seconds is None else time.time() - since_seconds
    count, failed, rows, unseen, mean = 0, 0, 0, 0, None
    by_status: dict[str, int] = {}
    quantiles: dict[str, float] = {}
    if db_path.is_file():
        with closing(open_for_reading(db_path)) as connection:
            connection.execute("BEGIN")  # one snapshot for all three questions
            after = -math.inf if since is None else since
            if has_table(connection, "requests"):
                count, failed, rows, unseen, mean = connection.execute(_TOTALS, (after,)).fetchone()
                by_status = {str(status): number for status, number in connection.execute(_BY_STATUS, (after,))}
                quantiles = _quantiles(connection, after, count)
    return RequestSummary(
        service_name=service_name,
        enabled=enabled,
        since=None if since is None else datetime.fromtimestamp(since, UTC),
        count=count,
        failed=failed,
        rows=rows,
        unseen_categories=unseen,
        mean_ms=mean,
        by_status=by_status,
        **quantiles,
    )


def _quantiles(connection: sqlite3.Connection, after: float, count: int) -> dict[str, float]:
    if not count:
        return {}
    places = {name: math.ceil(share * count) for name, share in _QUANTILES.items()}
    ranked = dict(connection.execute(_RANKED, (after, *places.values())).fetchall())
    return {name: ranked[place] for name, place in places.items()}
