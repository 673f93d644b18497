"""What the Airflow child reports, one JSON object per line of a file that the parent follows.

A file and not a pipe: it stays, so that a run can be looked at afterwards.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypeAlias

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """`at` is Unix seconds."""

    at: float = msgspec.field(default_factory=time.time)


class AirflowReady(_Event, frozen=True, tag="airflow_ready"):
    """Airflow is loaded and its database is there."""


class RunStarted(_Event, frozen=True, tag="run_started"):
    """The DAG run exists."""

    run_id: str


class TaskStarted(_Event, frozen=True, tag="task_started"):
    """A try of a task begins to execute."""

    task_id: str
    try_number: int


class TaskSucceeded(_Event, frozen=True, tag="task_succeeded"):
    """`result` is the task's XCom `return_value`."""

    task_id: str
    result: dict[str, Any] | None


class TaskFailed(_Event, frozen=True, tag="task_failed"):
    """`error` in words; `will_retry` is whether Airflow tries the task again."""

    task_id: str
    error: str
    will_retry: bool


class AutoMLSubmitted(_Event, frozen=True, tag="automl_submitted"):
    """The run the AutoML task waits for."""

    run_id: str


class AutoMLAdvanced(_Event, frozen=True, tag="automl_advanced"):
    """The fields of `AutoMLProgress`."""

    progress: dict[str, Any]


class RunEnded(_Event, frozen=True, tag="run_ended"):
    """`state` is the DAG run's, or `canceled`; `error` what broke the run itself, outside of any task."""

    state: str
    error: str = ""


Event: TypeAlias = (
    AirflowReady | RunStarted | TaskStarted | TaskSucceeded | TaskFailed | AutoMLSubmitted | AutoMLAdvanced | RunEnded
)

_decoder = msgspec.json.Decoder(Event)


class EventWriter:
    """Appends events; each is one write of one line, so lines from two threads never mix."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, event: Event) -> None:
        """Append the event."""
        self._file.write(msgspec.json.encode(event) + b"\n")


class EventReader:
    """Reads what was appended since the last look; the file need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Event]:
        """The complete new lines; one that is still being written is left for the next look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        if not newline:
            return []
        self._offset += len(whole) + 1
        return [_decoder.decode(line) for line in whole.split(b"\n")]
