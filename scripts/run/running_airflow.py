"""A run of the DAG in the Airflow that `make up` started, over its REST API; the UI shows it while it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import InvalidRequest, NotFound, ServiceUnavailable, WorkspaceError
from azureml_workspace.protocol import Workspace
from azureml_workspace.settings import WorkspaceSettings
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
from scripts.run.layout import Layout
from scripts.run.progress import DAG_ID
from scripts.up.airflow_api import AirflowApi

LOOK_SECONDS = 0.5
OUTAGE_SECONDS = 120.0
"""For an API server that died to come back; the run itself does not depend on it for long."""

AUTOML_TASK = "automl_run"
RUN_KEY = "azureml_run"
"""XCom of a task that submitted a run: {"conn_id", "run_id"}."""

_WITH_ERROR = {"failed": False, "up_for_retry": True}
"""States of a try that failed, and whether another follows."""


class RunningAirflow:
    """A run in a scheduler that has its own life: it goes on when this process dies, and is stopped through the API."""

    def __init__(self, layout: Layout, api: AirflowApi) -> None:
        self._layout = layout
        self._api = api
        self._run_id: str | None = None
        self._workspace: Workspace | None = None
        self._pending: list[Event] = [AirflowReady()]
        self._seen: dict[str, tuple[int, str]] = {}
        """Per task: the try and the state that were told last."""
        self._automl_run_id: str | None = None
        self._looked_at = self._answered_at = time.monotonic()
        self._cancelled = False
        self._ended = False

    def require_startable(self) -> str:
        """A line about the run that is to come. :raises InvalidRequest: it would wait for ever; what to do."""
        try:
            dag = self._api.get(f"/dags/{DAG_ID}")
        except NotFound as error:
            raise InvalidRequest(f"Airflow at {self._api.url} has no DAG {DAG_ID}; its page shows why.") from error
        if dag["is_paused"]:
            raise InvalidRequest(f"DAG {DAG_ID} is paused; switch it on at {self._api.url}/dags/{DAG_ID}")
        others = self._api.get(f"/dags/{DAG_ID}/dagRuns", state=["running", "queued"], limit=1)["total_entries"]
        turn = "; another run of it is at work, so this one waits its turn" if others else ""
        return f"{self._api.url}, which is up{turn}"

    @property
    def is_alive(self) -> bool:
        """Whether Airflow still tells how the run goes."""
        return not self._ended and time.monotonic() - self._answered_at < OUTAGE_SECONDS

    @property
    def end_reason(self) -> str:
        """Airflow went away."""
        return f"Airflow at {self._api.url} does not answer any more; the run may go on in it (`make status`)"

    @property
    def where_to_look(self) -> str:
        """The run's page."""
        run = f"/runs/{self._run_id}" if self._run_id else ""
        return f"Look at {self._api.url}/dags/{DAG_ID}{run}"

    def give_plan(self, url: str, conf: dict[str, Any]) -> None:
        """Create the DAG run. A refusal ends it and is told as its error."""
        settings = WorkspaceSettings(url=url, token_file=str(self._layout.token_file))
        self._workspace = open_workspace(settings)
        try:
            self._run_id = self._api.start_run(DAG_ID, conf)
        except WorkspaceError as error:
            self._end("failed", str(error))

    def events(self) -> list[Event]:
        """What happened since the last look, which is made twice a second."""
        if self._run_id is not None and not self._ended and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            try:
                self._look(self._run_id)
                self._answered_at = time.monotonic()
            except ServiceUnavailable:  # supervisord starts the API server again
                pass
            except NotFound:
                self._end("failed", f"The DAG run {self._run_id} was deleted in Airflow.")
            except WorkspaceError as refused:
                self._end("failed", f"{refused} The run may go on.")
            self._looked_at = time.monotonic()
        found, self._pending = self._pending, []
        return found

    def cancel(self) -> None:
        """Have Airflow mark the run as failed, which stops its tasks, and cancel the AutoML run at once."""
        self._cancelled = True
        if self._run_id is None:
            self._end("canceled")
            return
        try:
            self._api.patch(f"/dags/{DAG_ID}/dagRuns/{self._run_id}", {"state": "failed"})
            if self._workspace is not None and self._automl_run_id is not None:
                self._workspace.cancel_run(self._automl_run_id)
        except WorkspaceError as error:
            self._end("canceled", f"The run may go on: {error}")

    def kill(self) -> None:
        """Nothing here is this process's own to kill."""

    def end(self) -> None:
        """Nothing is left open."""

    def _look(self, run_id: str) -> None:
        # The run before its tasks: when it has ended, they have.
        run = self._api.get(f"/dags/{DAG_ID}/dagRuns/{run_id}")
        tasks = self._api.get(f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances", limit=100)["task_instances"]
        for task in sorted(tasks, key=lambda task: task["start_date"] or "9"):
            self._look_at_task(task)
        if run["state"] in {"success", "failed"}:
            self._end("canceled" if self._cancelled else run["state"])

    def _look_at_task(self, task: Mapping[str, Any]) -> None:
        task_id, state, number = task["task_id"], task["state"] or "", task["try_number"]
        told_number, told_state = self._seen.get(task_id, (0, ""))
        started = state in {"running", "deferred", "success", *_WITH_ERROR} and task["start_date"] is not None
        if not started:
            return
        if number > told_number:
            if not self._seen:
                self._pending.append(RunStarted(run_id=task["dag_run_id"]))
            self._pending.append(TaskStarted(at=_seconds(task["start_date"]), task_id=task_id, try_number=number))
        if task_id == AUTOML_TASK and state in {"running", "deferred"}:
            self._look_at_automl(task)
        if (number, state) != (told_number, told_state):
            self._tell_end(task)
        self._seen[task_id] = (number, state)

    def _tell_end(self, task: Mapping[str, Any]) -> None:
        task_id, at = task["task_id"], _seconds(task["end_date"]) if task["end_date"] else time.time()
        if task["state"] == "success":
            result = self._xcom(task, "return_value")
            self._pending.append(TaskSucceeded(at=at, task_id=task_id, result=result))
        elif task["state"] in _WITH_ERROR:
            again = _WITH_ERROR[task["state"]]
            error = "canceled" if self._cancelled else self._error(task)
            self._pending.append(TaskFailed(at=at, task_id=task_id, error=error, will_retry=again))

    def _look_at_automl(self, task: Mapping[str, Any]) -> None:
        pushed = self._xcom(task, RUN_KEY)
        if pushed is None or self._workspace is None:
            return
        if pushed["run_id"] != self._automl_run_id:
            self._automl_run_id = pushed["run_id"]
            self._pending.append(AutoMLSubmitted(run_id=pushed["run_id"]))
        try:
            progress = self._workspace.automl_progress(pushed["run_id"])
        except WorkspaceError:
            return  # a display that misses a beat; the task itself deals with what is wrong
        self._pending.append(AutoMLAdvanced(progress=progress.to_dict()))

    def _xcom(self, task: Mapping[str, Any], key: str) -> dict[str, Any] | None:
        try:
            entry = self._api.get(f"{_path(task)}/xcomEntries/{key}", stringify="false")
        except NotFound:
            return None
        value: dict[str, Any] = entry["value"]
        return value

    def _error(self, task: Mapping[str, Any]) -> str:
        """The last exception in the log of the try; only there does Airflow keep it."""
        try:
            log = self._api.get(f"{_path(task)}/logs/{task['try_number']}", full_content="true")
        except WorkspaceError:
            return ""
        errors = [line["error_detail"][-1] for line in log["content"] if line.get("error_detail")]
        return str(errors[-1].get("exc_value") or errors[-1].get("exc_type")) if errors else ""

    def _end(self, state: str, error: str = "") -> None:
        self._pending.append(RunEnded(state=state, error=error))
        self._ended = True


def _path(task: Mapping[str, Any]) -> str:
    return f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
