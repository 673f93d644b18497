"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from azureml_local.azure_api.pipelines.recurrence import read_recurrence
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

NOW = "2026-03-04T10:20:30"
"""A Wednesday."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def recurrence(**given: Any) -> dict[str, Any]:
    plan = {name: given.pop(name) for name in list(given) if name in ("Hours", "Minutes", "WeekDays")}
    return {"Frequency": "Hour", "Interval": 1, **given, "Schedule": plan or None}


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        # Without a start: at once, and then by the interval.
        (recurrence(Interval=4), NOW, "2026-03-04T14:20:30"),
        (recurrence(Frequency="4", Interval=15), NOW, "2026-03-04T10:35:30"),
        (recurrence(Frequency="Day"), NOW, "2026-03-05T10:20:30"),
        (recurrence(Frequency="Week", Interval=2), NOW, "2026-03-18T10:20:30"),
        (recurrence(Frequency="Month"), NOW, "2026-04-04T10:20:30"),
        # A start in the past sets the minute, one in the future the first run.
        (recurrence(StartTime="2020-01-13T12:55:00"), "2026-03-04T10:55:00", "2026-03-04T11:55:00"),
        (recurrence(StartTime="2026-03-04T23:00:00Z", Interval=5), "2026-03-04T23:00:00", "2026-03-05T04:00:00"),
        (recurrence(StartTime="2026-03-05T00:30:00+02:00"), "2026-03-04T22:30:00", "2026-03-04T23:30:00"),
        # The last day of a shorter month stands for a day that it does not have.
        (
            recurrence(Frequency="Month", StartTime="2026-01-31T09:00:00"),
            "2026-03-31T09:00:00",
            "2026-04-30T09:00:00",
        ),
        # Times of the day, and week days.
        (
            recurrence(Frequency="Day", StartTime="2026-03-04T18:30:00", Hours=[18, 6], Minutes=[30]),
            "2026-03-05T06:30:00",
            "2026-03-05T18:30:00",
        ),
        (
            recurrence(Frequency="Day", Interval=3, StartTime="2026-03-01T00:00:00", Hours=[7]),
            "2026-03-07T07:00:00",
            "2026-03-10T07:00:00",
        ),
        (
            recurrence(
                Frequency="Week", Interval=2, StartTime="2026-03-02T00:00:00", Hours=[18], Minutes=[30],
                WeekDays=["Wednesday", "0"],
            ),
            "2026-03-04T18:30:00",
            "2026-03-16T18:30:00",
        ),
        (
            recurrence(Frequency="Week", StartTime="2026-03-01T08:15:00", WeekDays=["Sunday"]),
            "2026-03-08T08:15:00",
            "2026-03-15T08:15:00",
        ),
    ],
)  # fmt: skip
def test_the_first_two_runs(given: dict[str, Any], first: str, second: str) -> None:
    now = moment(NOW)
    read = read_recurrence(given)
    due = read.first(now)
    assert due == moment(first)
    assert read.next(read.start or now, due) == moment(second)


def test_what_was_missed_is_left_out() -> None:
    read = read_recurrence(recurrence(Interval=4))
    assert read.next(moment(NOW), moment("2026-03-09T00:00:00")) == moment("2026-03-09T02:20:30")


def test_a_calendar_without_a_start_runs_at_once_and_then_by_the_calendar() -> None:
    read = read_recurrence(recurrence(Frequency="Day", Hours=[9], Minutes=[0]))
    assert read.first(moment(NOW)) == moment(NOW)
    assert read.next(moment(NOW), moment(NOW)) == moment("2026-03-05T09:00:00")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (recurrence(Frequency="Year"), "'Year'"),
        (recurrence(Interval=0), "0"),
        (recurrence(Interval="2"), "'2'"),
        (recurrence(TimeZone="Pacific Standard Time"), "UTC only"),
        (recurrence(StartTime="tomorrow"), "'tomorrow'"),
        (recurrence(Hours=[9]), "Day and Week"),
        (recurrence(Frequency="Day", Hours=[24]), "24"),
        (recurrence(Frequency="Week", WeekDays=["Funday"]), "'Funday'"),
    ],
)
def test_recurrences_that_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_recurrence(given)
