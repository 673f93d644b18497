"""Events through their file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scripts.run.events import EventReader, EventWriter, RunEnded, TaskStarted, TaskSucceeded

pytestmark = pytest.mark.unit


def test_what_is_written_is_read_once_and_in_order(tmp_path: Path) -> None:
    reader = EventReader(tmp_path / "events.jsonl")
    assert reader.read() == []
    writer = EventWriter(tmp_path / "events.jsonl")
    first = TaskStarted(task_id="deploy", try_number=1)
    second = TaskSucceeded(task_id="deploy", result={"name": "a\nb", "labels": ["no"]})
    writer.write(first)
    writer.write(second)
    assert reader.read() == [first, second]
    assert reader.read() == []
    writer.write(RunEnded(state="success", at=5.0))
    assert reader.read() == [RunEnded(state="success", at=5.0)]


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = msgspec.json.encode(RunEnded(state="failed", error="why", at=1.0)) + b"\n"
    path.write_bytes(line + line[:10])
    reader = EventReader(path)
    assert len(reader.read()) == 1
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(line[10:])
    assert reader.read() == [RunEnded(state="failed", error="why", at=1.0)]
