"""The files through which the server and a job speak (docs/architecture.md, "Jobs")."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from azureml_local.files import read_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import AutoMLResult, AutoMLSettings, ColumnSchema, Record
from azureml_workspace.statuses import RunStatus

logger = logging.getLogger(__name__)

JOB_FILE = "job.json"
PID_FILE = "pid.json"
EVENTS_FILE = "events.jsonl"
RESULT_FILE = "result.json"
LOG_FILE = "logs/job.log"
OVERRAN_FILE = "overran"
"""There once the job was stopped because it did not end in time: the next server starts it no more."""
_READ_AT_ONCE = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class JobFile(Record):
    """`job.json`: what the job is to do."""

    run_id: str
    data_path: str
    columns: tuple[ColumnSchema, ...]
    settings: AutoMLSettings
    cores: int


@dataclass(frozen=True, kw_only=True)
class TrialEvent(Record):
    """A trial ended. `score` is the primary metric."""

    iteration: int
    algorithm: str
    status: RunStatus
    score: float | None = None
    duration_seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobNews(Record):
    """What a job said since `events.jsonl` was read up to the byte before; `events_read` is the byte after."""

    events_read: int
    phase: str | None = None
    trials: tuple[TrialEvent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResultFile(Record):
    """`result.json`: how the job ended, in its own words."""

    status: Literal["Completed", "Failed"]
    result: AutoMLResult | None = None
    error: str = ""


def read_news(run_dir: Path, events_read: int) -> JobNews:
    """The whole lines of `events.jsonl` after byte `events_read`. A line that makes no sense is logged and skipped."""
    try:
        with (run_dir / EVENTS_FILE).open("rb") as stream:
            stream.seek(events_read)
            content = stream.read(_READ_AT_ONCE)
    except FileNotFoundError:
        return JobNews(events_read=events_read)
    whole = content[: content.rfind(b"\n") + 1]
    phase: str | None = None
    trials: list[TrialEvent] = []
    for line in whole.splitlines():
        try:
            event = msgspec.json.decode(line)
            if event["event"] == "phase":
                phase = str(event["phase"])
            elif event["event"] == "trial":
                trials.append(TrialEvent.from_dict(_with_text_parameters(event)))
        except (msgspec.DecodeError, InvalidRequest, TypeError, KeyError) as error:
            logger.warning("%s: skipped a line of %s: %s", run_dir.name, EVENTS_FILE, error)
    return JobNews(events_read=events_read + len(whole), phase=phase, trials=tuple(trials))


def read_result(run_dir: Path) -> ResultFile | None:
    """`result.json`, or None while there is none. One that cannot be understood is a failure, and says so."""
    content = read_json(run_dir / RESULT_FILE)
    if content is None:
        return None
    try:
        result = ResultFile.from_dict(content)
    except InvalidRequest as error:
        return ResultFile(status="Failed", error=f"the job wrote a result that cannot be read ({error}).")
    if result.status == "Completed" and result.result is None:
        return ResultFile(status="Failed", error="the job wrote that it completed, but no result.")
    return result


def forget_job(run_dir: Path) -> None:
    """Remove what a lost job said, for another start. Its log stays: it tells how far the job was.

    The pid goes last: a run without one that has events would look as if its job were only half started.
    """
    for name in (EVENTS_FILE, PID_FILE):
        (run_dir / name).unlink(missing_ok=True)


def _with_text_parameters(event: dict[str, object]) -> dict[str, object]:
    """Hyperparameters are numbers, words and lists; a child run shows them as text."""
    parameters = event.get("parameters")
    if not isinstance(parameters, dict):
        return event
    return {
        **event,
        "parameters": {
            str(name): value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in parameters.items()
        },
    }
