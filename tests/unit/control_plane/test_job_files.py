from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml_local.jobs.files import EVENTS_FILE, RESULT_FILE, read_news, read_result
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit

TRIAL = {
    "event": "trial",
    "at": 1.0,
    "iteration": 0,
    "algorithm": "LightGBM",
    "status": "Completed",
    "score": 0.9,
    "duration_seconds": 1,
    "metrics": {"accuracy": 1},
    "parameters": {"leaves": 31, "kind": "gbdt", "list": [1, 2]},
    "error": None,
}


def write(folder: Path, *events: Any, end: str = "\n") -> None:
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    with (folder / EVENTS_FILE).open("a") as stream:
        stream.write("\n".join(lines) + end)


def test_nothing_was_said_yet(tmp_path: Path) -> None:
    assert read_news(tmp_path, 0).events_read == 0


def test_events_are_read_once_and_in_pieces(tmp_path: Path) -> None:
    write(tmp_path, {"event": "phase", "at": 1, "phase": "profile"}, {"event": "phase", "at": 2, "phase": "search"})
    first = read_news(tmp_path, 0)
    assert (first.phase, first.trials) == ("search", ())
    write(tmp_path, TRIAL)
    second = read_news(tmp_path, first.events_read)
    assert second.phase is None
    (trial,) = second.trials
    assert (trial.status, trial.score) == (RunStatus.COMPLETED, 0.9)
    assert trial.parameters == {"leaves": "31", "kind": "gbdt", "list": "[1,2]"}
    assert read_news(tmp_path, second.events_read).events_read == second.events_read


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    write(tmp_path, TRIAL, '{"event": "tri', end="")
    news = read_news(tmp_path, 0)
    assert len(news.trials) == 1
    write(tmp_path, 'al"}')
    assert read_news(tmp_path, news.events_read).trials == ()


@pytest.mark.parametrize("line", ["not json", "[]", "{}", '{"event": "trial"}', '{"event": "other"}', '"text"'])
def test_a_line_that_makes_no_sense_is_skipped(tmp_path: Path, line: str) -> None:
    write(tmp_path, line, TRIAL)
    assert len(read_news(tmp_path, 0).trials) == 1


def test_results(tmp_path: Path) -> None:
    assert read_result(tmp_path) is None
    path = tmp_path / RESULT_FILE
    path.write_text('{"status": "Failed", "error": "one class only"}')
    failed = read_result(tmp_path)
    assert failed is not None
    assert (failed.status, failed.error) == ("Failed", "one class only")


@pytest.mark.parametrize(
    "content", ['{"status": "Completed"}', '{"status": "Great"}', '{"status": "Completed", "result": {}}']
)
def test_a_result_that_makes_no_sense_is_a_failure(tmp_path: Path, content: str) -> None:
    (tmp_path / RESULT_FILE).write_text(content)
    result = read_result(tmp_path)
    assert result is not None
    assert result.status == "Failed"
    assert result.error
