from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_azureml.ui import words
from azureml_workspace.statuses import RunStatus

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (3900, "1 h 5 min"),
        (97_200, "1 d 3 h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_score() -> None:
    assert [words.score(0.951234567), words.score(0.0), words.score(None)] == ["0.95123", "0.00000", "\N{EN DASH}"]


def test_moment_is_in_utc() -> None:
    at = datetime(2026, 11, 21, 7, 13, 48, tzinfo=timezone(timedelta(hours=2)))
    assert words.moment(at) == "2026-11-21 05:13:48 UTC"
    assert words.iso(at) == "2026-11-21T05:13:48+00:00"


def test_every_status_is_told_by_more_than_its_colour() -> None:
    assert {words.tone(status) for status in RunStatus} == {"good", "bad", "dim", "busy"}
    assert len({words.sign(status) for status in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.RUNNING)}) == 3
