"""Runs and child runs of an experiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from azureml_workspace.records.base import Record
from azureml_workspace.statuses import RunStatus


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    """One run. `error` is the reason in words when the status is Failed or Canceled, else empty.

    `run_type` is `automl`, `pipeline`, or `step` for a pipeline's step that is no AutoML run; `parent_run_id` is the
    pipeline run that a step run belongs to.
    `portal_url` is where a person can look at it.
    """

    run_id: str
    experiment_name: str
    run_type: str
    status: RunStatus
    created_at: datetime
    portal_url: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    submission_key: str | None = None
    parent_run_id: str | None = None
    error: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChildRun(Record):
    """One trial of an AutoML run. `score` is the primary metric, None when the trial failed."""

    run_id: str
    parent_run_id: str
    iteration: int
    algorithm: str
    status: RunStatus
    score: float | None
    duration_seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    error: str = ""
