"""Rows that clients sent to a web service lately."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azureml_workspace.records.base import Record

MAX_INPUT_ROWS = 10_000
"""The most that one call gives."""


@dataclass(frozen=True, kw_only=True)
class InputSample(Record):
    """A sample of the rows that a web service scored in a window of time, for watching drift.

    `rows` are as they were sent, newest first; `scored` counts all rows of the window, kept or not. `collecting` tells
    whether the service keeps its inputs at all.
    """

    service_name: str
    since: datetime
    collecting: bool
    scored: int
    rows: tuple[dict[str, Any], ...] = field(default=())
