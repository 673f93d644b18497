"""Writing, reading and forgetting telemetry."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from azureml_local.insights.query import summarize
from azureml_local.insights.retention import Retention, apply_retention
from azureml_local.insights.schema import REQUESTS, RequestRecord, open_for_reading, open_for_writing
from azureml_local.insights.writer import RequestLog

pytestmark = pytest.mark.unit


def record(
    at: float | None = None, duration_ms: float = 1.0, status: int = 200, rows: int = 2, unseen: int = 0
) -> RequestRecord:
    return RequestRecord(
        at=time.time() if at is None else at,
        duration_ms=duration_ms,
        status=status,
        rows=rows,
        model_version=3,
        unseen_categories=unseen,
        operation_id="op",
        error="" if status < 400 else "wrong",
    )


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "insights.db"


def write(db: Path, *records: RequestRecord) -> None:
    log = RequestLog(db)
    for each in records:
        log.record(each)
    log.close()


def stored(db: Path) -> list[RequestRecord]:
    with closing(open_for_reading(db)) as connection:
        return [RequestRecord(*row) for row in connection.execute("SELECT * FROM requests ORDER BY rowid")]


def rows_in(db: Path) -> int:
    return summarize(db, "bank", enabled=True).count


def wait_until_written(db: Path, count: int) -> None:
    deadline = time.monotonic() + 10
    while rows_in(db) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_recorded_can_be_read(db: Path) -> None:
    now = time.time()
    records = [record(at=now + place, duration_ms=place / 10) for place in range(1234)]
    write(db, *records)
    assert stored(db) == records


def test_records_are_committed_while_the_log_is_open(db: Path) -> None:
    log = RequestLog(db, interval=0.01)
    log.record(record())
    wait_until_written(db, 1)
    log.record(record())
    wait_until_written(db, 2)
    log.close()


def test_reopening_adds_to_what_is_there(db: Path) -> None:
    write(db, record())
    write(db, record())
    assert rows_in(db) == 2


def test_a_full_queue_drops_and_counts(db: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(db, capacity=10, interval=3600)
    for _ in range(25):
        log.record(record())
    log.close()
    assert "15 records dropped" in caplog.text
    assert rows_in(db) == 10


def test_trouble_with_the_disk_is_waited_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = tmp_path / "not-there-yet" / "insights.db"
    log = RequestLog(db, interval=0.01)
    log.record(record())
    deadline = time.monotonic() + 10
    while "cannot be written" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    db.parent.mkdir()
    log.record(record())
    wait_until_written(db, 2)
    log.close()
    assert caplog.text.count("cannot be written") == 1


def test_what_could_not_be_written_at_the_end_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(tmp_path / "nowhere" / "insights.db", interval=3600)
    log.record(record())
    log.close()
    assert "1 records could not be written" in caplog.text


def test_a_summary(db: Path) -> None:
    durations = [float(place) for place in range(1, 201)]
    write(
        db,
        *(record(duration_ms=duration, rows=2) for duration in reversed(durations)),
        record(duration_ms=1000, status=400, rows=0),
        record(duration_ms=2000, status=401, rows=0),
        record(duration_ms=3000, status=401, rows=0, unseen=5),
    )
    summary = summarize(db, "bank", enabled=False)
    assert (summary.service_name, summary.enabled, summary.since) == ("bank", False, None)
    assert (summary.count, summary.failed, summary.rows, summary.unseen_categories) == (203, 3, 400, 5)
    assert summary.by_status == {"200": 200, "400": 1, "401": 2}
    assert summary.mean_ms == pytest.approx((sum(durations) + 6000) / 203)
    everything = [*durations, 1000.0, 2000.0, 3000.0]
    for share, found in [(0.5, summary.p50_ms), (0.95, summary.p95_ms), (0.99, summary.p99_ms)]:
        assert found == everything[math.ceil(share * 203) - 1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_percentiles_of_a_few(db: Path, count: int) -> None:
    write(db, *(record(duration_ms=float(place)) for place in range(1, count + 1)))
    summary = summarize(db, "bank", enabled=True)
    assert (summary.p50_ms, summary.p99_ms) == (float(math.ceil(count / 2)), float(count))


def test_a_window(db: Path) -> None:
    now = time.time()
    write(db, record(at=now - 1000, status=500), record(at=now - 5))
    summary = summarize(db, "bank", enabled=True, since_seconds=60)
    assert (summary.count, summary.failed) == (1, 0)
    assert summary.since is not None
    assert summary.since.timestamp() == pytest.approx(now - 60, abs=5)
    assert summarize(db, "bank", enabled=True, since_seconds=0).p50_ms is None


def test_a_service_that_never_had_insights(db: Path) -> None:
    summary = summarize(db, "bank", enabled=False)
    assert (summary.count, summary.mean_ms, summary.by_status) == (0, None, {})
    assert not db.exists()


def test_a_database_whose_table_is_not_made_yet(db: Path) -> None:
    sqlite3.connect(db).close()
    db.touch()
    assert summarize(db, "bank", enabled=True).count == 0


def test_old_rows_and_too_many_rows_go(db: Path) -> None:
    now = 100 * 86_400.0
    with closing(open_for_writing(db)) as connection:
        connection.executemany(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [record(at=day * 86_400.0) for day in range(100)]
        )
        connection.commit()
        assert apply_retention(connection, REQUESTS, Retention(days=30.5, rows=1000), now) == 70
        assert apply_retention(connection, REQUESTS, Retention(days=30.5, rows=10), now) == 20
        assert apply_retention(connection, REQUESTS, Retention(days=30.5, rows=10), now) == 0
    assert [each.at / 86_400 for each in stored(db)] == list(range(90, 100))


def test_retention_is_applied_by_the_writer(db: Path) -> None:
    write(db, record(at=1.0))
    log = RequestLog(db, retention=Retention(days=1))
    log.record(record())
    log.close()
    assert rows_in(db) == 1
