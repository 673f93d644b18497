"""How the run stands, as it follows from the events: what both displays show and what the result is made from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from azureml_workspace.records import AutoMLProgress
from scripts.run.events import (
    AirflowReady,
    AutoMLAdvanced,
    AutoMLSubmitted,
    Event,
    RunEnded,
    RunStarted,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)

DAG_ID = "bank_marketing_train"

TASKS = ("register_dataset", "automl_run", "deploy", "enable_insights", "smoke_score", "benchmark")
"""Of that DAG, in their order."""

TaskState = Literal["waiting", "running", "retrying", "done", "failed", "not reached"]


@dataclass(kw_only=True)
class TaskProgress:
    """One task. `seconds` run from its first start to its end, waits between tries included."""

    task_id: str
    state: TaskState = "waiting"
    tries: int = 0
    started: float | None = None
    ended: float | None = None
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def short_error(self) -> str:
        """The first line; a service that cannot start brings the last lines of its log along."""
        return self.error.partition("\n")[0]

    def seconds(self, now: float | None = None) -> float | None:
        """How long it took, or takes so far; None before it started."""
        if self.started is None:
            return None
        return (self.ended or now or time.time()) - self.started


@dataclass(kw_only=True)
class RunProgress:
    """The whole run. `state` is None until it ended."""

    tasks: dict[str, TaskProgress] = field(default_factory=lambda: {name: TaskProgress(task_id=name) for name in TASKS})
    airflow_ready: bool = False
    run_id: str | None = None
    automl_run_id: str | None = None
    automl: AutoMLProgress | None = None
    state: str | None = None
    error: str = ""

    def apply(self, event: Event) -> None:
        """Take in one event."""
        _HANDLERS[type(event)](self, event)

    def failed_tasks(self) -> list[TaskProgress]:
        """Those that ended badly."""
        return [task for task in self.tasks.values() if task.state == "failed"]

    def task(self, task_id: str) -> TaskProgress:
        """The task; one the DAG gained since this was written is shown too."""
        return self.tasks.setdefault(task_id, TaskProgress(task_id=task_id))


def _airflow_ready(run: RunProgress, _event: AirflowReady) -> None:
    run.airflow_ready = True


def _run_started(run: RunProgress, event: RunStarted) -> None:
    run.run_id = event.run_id


def _task_started(run: RunProgress, event: TaskStarted) -> None:
    task = run.task(event.task_id)
    task.state = "running"
    task.tries = event.try_number
    task.started = task.started or event.at


def _task_succeeded(run: RunProgress, event: TaskSucceeded) -> None:
    task = run.task(event.task_id)
    task.state, task.ended, task.error, task.result = "done", event.at, "", event.result or {}


def _task_failed(run: RunProgress, event: TaskFailed) -> None:
    task = run.task(event.task_id)
    task.error = event.error
    task.state = "retrying" if event.will_retry else "failed"
    task.ended = None if event.will_retry else event.at


def _automl_submitted(run: RunProgress, event: AutoMLSubmitted) -> None:
    run.automl_run_id, run.automl = event.run_id, None


def _automl_advanced(run: RunProgress, event: AutoMLAdvanced) -> None:
    run.automl = AutoMLProgress.from_dict(event.progress)


def _run_ended(run: RunProgress, event: RunEnded) -> None:
    run.state, run.error = event.state, event.error
    for task in run.tasks.values():
        if task.state in {"running", "retrying"}:
            task.state, task.ended = "failed", event.at
            task.error = task.error or ("canceled" if event.state == "canceled" else "ended with the run")
        elif task.state == "waiting":
            task.state = "not reached"


_HANDLERS: dict[type, Callable[[RunProgress, Any], None]] = {
    AirflowReady: _airflow_ready,
    RunStarted: _run_started,
    TaskStarted: _task_started,
    TaskSucceeded: _task_succeeded,
    TaskFailed: _task_failed,
    AutoMLSubmitted: _automl_submitted,
    AutoMLAdvanced: _automl_advanced,
    RunEnded: _run_ended,
}
