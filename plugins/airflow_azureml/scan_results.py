"""What the operator that looks for drops returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class PendingDropResult(Record):
    """A drop that nobody has brought to an end, told without reading it.

    `content_state` stands for the files' paths, sizes and times of modification. `run_id` is what the DAG run that
    works on this content is called: the same for the same content, so that asking twice starts one run.
    """

    key: str
    path: str
    bytes: int
    modified: datetime
    content_state: str
    run_id: str


@dataclass(frozen=True, kw_only=True)
class DropScanResult(Record):
    """What is there: `found` drops, of which `pending_count` are pending.

    `pending` are those for which a DAG run is to be started now, the oldest key first. `started_before` counts those
    that have one, and `left` those that a later scan will start.
    """

    dataset: str
    drops: str
    source_conn_id: str | None
    found: int
    pending_count: int
    started_before: int
    left: int
    pending: tuple[PendingDropResult, ...]
