"""What a service logs is bounded, and what it records names the model that answered."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from azureml_local.scoring import replies
from azureml_local.scoring.endpoint import ScoreEndpoint
from azureml_local.scoring.keys import KeyRing
from azureml_local.scoring.labels import Label
from azureml_local.scoring.logs import CappedOutput
from azureml_local.scoring.model import Scored
from azureml_local.scoring.replies import LINES_PER_PERIOD, RefusalLines
from azureml_local.scoring.request_ids import RequestIds

pytestmark = pytest.mark.unit

LINE = "x" * 99


def write_lines(log: Path, mode: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with log.open(mode) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        handler = CappedOutput(log, largest_bytes=1_000)
        for _ in range(count):
            handler.emit(logging.makeLogRecord({"msg": LINE}))


def test_a_long_log_moves_to_one_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "service.log"
    write_lines(log, "a", 95, monkeypatch)
    older = tmp_path / "service.log.1"
    assert log.stat().st_size < 2_000
    assert 1_000 <= older.stat().st_size < 2_500
    assert set(older.read_text().splitlines()) == {LINE}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["service.log", "service.log.1"]


def test_a_log_of_an_earlier_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "service.log"
    log.write_text("earlier\n" * 1_000)
    write_lines(log, "a", 1, monkeypatch)
    assert log.stat().st_size == 0
    assert "earlier" in (tmp_path / "service.log.1").read_text()


@pytest.mark.parametrize(("name", "mode"), [("service.log", "w"), ("elsewhere.txt", "a")])
def test_an_output_that_is_not_ours_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
) -> None:
    (tmp_path / "service.log").touch()
    output = tmp_path / name
    with output.open(mode) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        handler = CappedOutput(tmp_path / "service.log", largest_bytes=1_000)
        for _ in range(50):
            handler.emit(logging.makeLogRecord({"msg": LINE}))
    assert output.read_text().count(LINE) == 50


def test_refusals_above_the_limit_are_counted_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "PERIOD_SECONDS", 0.5)
    lines = RefusalLines()

    async def refuse() -> None:
        for number in range(LINES_PER_PERIOD + 480):
            lines.note(f"refusal {number}")
        while "more refused" not in caplog.text:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(refuse(), 10))
    assert caplog.text.count("refusal ") == LINES_PER_PERIOD
    assert "... and 480 more refused requests" in caplog.text


class OneLabel:
    """A model that answers `version` for every row."""

    def __init__(self, version: int) -> None:
        self.version = version

    def score(self, rows: list[Any], method: str) -> Scored:
        labels: list[Label] = [self.version] * len(rows)
        return Scored(labels, 0)


@pytest.mark.parametrize(("body", "status"), [(b'{"data": [{}]}', 200), (b"{}", 400)])
def test_the_model_that_answered_is_recorded(body: bytes, status: int) -> None:
    """The next version takes over while the answer is sent."""
    recorded: list[Any] = []
    serving: Any = SimpleNamespace(
        model=OneLabel(1),
        keys=KeyRing.open_to_all(),
        config=SimpleNamespace(response_format="object"),
        insights=SimpleNamespace(record=recorded.append),
        inputs=None,
    )
    endpoint = ScoreEndpoint(serving)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        serving.model = OneLabel(2)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/score", "headers": [], "state": {}}
    asyncio.run(RequestIds(endpoint)(scope, receive, send))
    endpoint.close()
    ((_, _, recorded_status, _, recorded_version, *_),) = recorded
    assert (recorded_status, recorded_version) == (status, 1)
