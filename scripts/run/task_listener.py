"""Airflow's listener interface turned into events, and a watch on the AutoML run while its task waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.sdk import TaskInstanceState

from airflow_azureml.links import AzureMLRunLink
from azureml_workspace.connect import open_workspace
from azureml_workspace.errors import WorkspaceError
from scripts.run.events import (
    AutoMLAdvanced,
    AutoMLSubmitted,
    EventWriter,
    RunStarted,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from azureml_workspace.settings import WorkspaceSettings

POLL_SECONDS = 0.5


class TaskListener:
    """Writes an event whenever a task starts or ends.

    `running_task` is the operator that executes right now. Once `cancelled` says so, the end of a task is the end of
    the run: no retry, no further task.
    """

    def __init__(self, events: EventWriter, workspace: WorkspaceSettings, cancelled: Callable[[], bool]) -> None:
        self._events = events
        self._workspace = workspace
        self._cancelled = cancelled
        self._run_id: str | None = None
        self._watch: AutoMLWatch | None = None
        self.running_task: Any = None

    @hookimpl
    def on_task_instance_running(self, task_instance: RuntimeTaskInstance) -> None:
        """A try begins to execute."""
        if self._run_id is None:
            self._run_id = task_instance.run_id
            self._events.write(RunStarted(run_id=task_instance.run_id))
        self.running_task = task_instance.task
        self._events.write(TaskStarted(task_id=task_instance.task_id, try_number=task_instance.try_number))
        if any(isinstance(link, AzureMLRunLink) for link in self.running_task.operator_extra_links):
            self._watch = AutoMLWatch(self.running_task, self._workspace, self._events)
            self._watch.start()

    @hookimpl
    def on_task_instance_success(self, task_instance: RuntimeTaskInstance) -> None:
        """A task succeeded; its result is in XCom by now."""
        self._task_over()
        result = task_instance.xcom_pull(task_ids=task_instance.task_id)
        self._events.write(TaskSucceeded(task_id=task_instance.task_id, result=result))
        self._stop_when_cancelled()

    @hookimpl
    def on_task_instance_failed(self, task_instance: RuntimeTaskInstance, error: str | BaseException | None) -> None:
        """A try failed."""
        self._task_over()
        will_retry = task_instance.state == TaskInstanceState.UP_FOR_RETRY and not self._cancelled()
        event = TaskFailed(task_id=task_instance.task_id, error=str(error or ""), will_retry=will_retry)
        self._events.write(event)
        self._stop_when_cancelled()

    def close(self) -> None:
        """End the watch, if there is one."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def _task_over(self) -> None:
        self.running_task = None
        self.close()

    def _stop_when_cancelled(self) -> None:
        if self._cancelled():
            raise KeyboardInterrupt


class AutoMLWatch(threading.Thread):
    """Reports how far the AutoML run is that the task submitted, from the moment its link is there."""

    def __init__(self, task: Any, workspace: WorkspaceSettings, events: EventWriter) -> None:
        super().__init__(name="automl-watch", daemon=True)
        self._task = task
        self._settings = workspace
        self._events = events
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look twice a second until stopped."""
        while not self._stopping.wait(POLL_SECONDS):
            run_id: str | None = self._task.pushed_run_id
            if run_id:
                self._follow(run_id)
                return

    def stop(self) -> None:
        """Return once the thread has ended."""
        self._stopping.set()
        self.join()

    def _follow(self, run_id: str) -> None:
        self._events.write(AutoMLSubmitted(run_id=run_id))
        workspace = open_workspace(self._settings)
        while not self._stopping.wait(POLL_SECONDS):
            try:
                progress = workspace.automl_progress(run_id)
            except WorkspaceError:
                continue  # a display that misses a beat; the task itself deals with what is wrong
            self._events.write(AutoMLAdvanced(progress=progress.to_dict()))
