"""Keeping a sample of the inputs, within limits."""

from __future__ import annotations

import json
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from azureml_local.insights import inputs
from azureml_local.insights.inputs import InputLog, read_inputs
from azureml_local.insights.retention import Retention, apply_retention
from azureml_local.insights.schema import INPUTS, open_for_writing
from azureml_workspace.records import InputSample

pytestmark = pytest.mark.unit


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "inputs.db"


def raw(*rows: Any) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(row).encode()) for row in rows]


def kept(db: Path, *, since_seconds: float = 3600, limit: int = 10_000) -> InputSample:
    requests = db.with_name("insights.db")
    return read_inputs("bank", inputs=db, requests=requests, collecting=True, since_seconds=since_seconds, limit=limit)


def test_rows_can_be_read_newest_first(db: Path) -> None:
    now = time.time()
    log = InputLog(db)
    log.offer(now - 7200, 1, raw({"age": 1}))
    log.offer(now - 2, 1, raw({"age": 2}, {"age": 3}))
    log.offer(now - 1, 2, raw({"age": 4}))
    log.close()
    assert [row["age"] for row in kept(db).rows] == [4, 3, 2]
    assert [row["age"] for row in kept(db, limit=2).rows] == [4, 3]
    assert len(kept(db, since_seconds=10_000).rows) == 4


def test_the_file_is_its_owners_alone(db: Path) -> None:
    InputLog(db).close()
    assert stat.S_IMODE(db.stat().st_mode) == 0o600


def test_a_service_that_never_kept_any(db: Path) -> None:
    assert (kept(db).rows, kept(db).scored) == ((), 0)
    assert not db.exists()


def test_a_large_request_is_sampled_and_the_next_ones_wait_for_their_turn(db: Path) -> None:
    log, now = InputLog(db), time.time()
    log.offer(now, 1, raw(*({"n": number} for number in range(inputs.BURST_ROWS * 3))))
    log.offer(now, 1, raw({"n": -1}))
    log.offer(now + 1, 1, raw(*({"n": -2} for _ in range(100))))
    log.close()
    numbers = [row["n"] for row in kept(db).rows]
    assert numbers.count(-1) == 0
    assert numbers.count(-2) == inputs.ROWS_PER_SECOND
    assert len({number for number in numbers if number >= 0}) == inputs.BURST_ROWS
    assert max(numbers) >= inputs.BURST_ROWS, "the first rows of a batch are not all there is to it"


def test_a_clock_that_was_put_back_gives_nothing_away(db: Path) -> None:
    log, now = InputLog(db), time.time()
    log.offer(now, 1, raw(*([{"n": 0}] * inputs.BURST_ROWS)))
    log.offer(now - 100, 1, raw({"n": 1}))
    log.close()
    assert len(kept(db).rows) == inputs.BURST_ROWS


def test_a_row_that_is_too_long_is_left_out(db: Path) -> None:
    log = InputLog(db)
    log.offer(time.time(), 1, raw({"text": "x" * inputs.MAX_ROW_BYTES}, {"text": "short"}))
    log.close()
    assert kept(db).rows == ({"text": "short"},)


def test_old_rows_and_too_many_bytes_go(db: Path) -> None:
    now = 100 * 86_400.0
    with closing(open_for_writing(db, INPUTS)) as connection:
        rows = [(day * 86_400.0, 1, "x" * 100) for day in range(100)]
        connection.executemany("INSERT INTO inputs VALUES (?, ?, ?)", rows)
        connection.commit()
        assert apply_retention(connection, INPUTS, Retention(days=30.5), now) == 70
        assert apply_retention(connection, INPUTS, Retention(row_bytes=1050), now) == 20
        assert apply_retention(connection, INPUTS, Retention(row_bytes=1000), now) == 0
        left = [at / 86_400 for (at,) in connection.execute("SELECT at FROM inputs ORDER BY at")]
    assert left == list(range(90, 100))
