"""Wait for the end of a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_azureml._run_progress import ProgressLog, RunReader, Snapshot, story
from airflow_azureml._task_state import is_abandoned
from airflow_azureml.triggers._polling import PollingTrigger
from airflow_azureml.triggers._undisturbed import finish_undisturbed
from airflow_azureml.triggers._workspaces import SharedWorkspace, shared_workspace
from azureml_workspace.errors import WorkspaceError

if TYPE_CHECKING:
    from azureml_workspace.protocol import Workspace


class AzureMLRunTrigger(PollingTrigger[Snapshot]):
    """Fires when the run has ended. Cancels it when the deadline passes, or a person stops the task.

    The event has `run_id` and `run_status` (None when no look succeeded).

    :param run_id: the run.
    :param metric: names the score in progress lines.
    :param owns_run: whether the run is the task's, to be cancelled (default), or it only watches.

    The others are those of `PollingTrigger`.
    """

    def __init__(self, *, run_id: str, metric: str = "score", owns_run: bool = True, **polling: Any) -> None:
        super().__init__(**polling)
        self.run_id = run_id
        self.metric = metric
        self.owns_run = owns_run
        self._progress = ProgressLog(self.log, metric)
        self._reader = RunReader()

    def own_arguments(self) -> dict[str, Any]:
        """The run, how its score is called, and whose it is."""
        return {"run_id": self.run_id, "metric": self.metric, "owns_run": self.owns_run}

    @property
    def what(self) -> str:
        """The run, in words."""
        return f"run {self.run_id}"

    def look(self, workspace: Workspace) -> Snapshot:
        """The run; how far it is only now and then."""
        return self._reader.read(workspace, self.run_id)

    def is_settled(self, seen: Snapshot) -> bool:
        """Whether the run has ended."""
        return seen.run.status.is_terminal

    def report(self, seen: Snapshot) -> None:
        """Log how far the run is, or how it went."""
        if self.is_settled(seen):
            self.log.info("%s", story(seen.run))
        else:
            self._progress(seen)

    def facts(self, seen: Snapshot | None) -> dict[str, Any]:
        """Which run, and how it is."""
        return {"run_id": self.run_id, "run_status": None if seen is None else seen.run.status.value}

    async def on_deadline(self) -> None:
        """Cancel the run at once; the task may have to wait for a worker."""
        if self.owns_run:
            await self._cancel()

    async def on_kill(self) -> None:
        """Cancel the run of a task that a person marked.

        Airflow calls this also in a triggerer that was taken for dead while it lived, when another one has taken over
        its triggers. Then the task is still deferred, or goes on already, and its run is left alone. So is that of a
        task that was cleared and is scheduled again: the execution that comes cancels it.
        """
        if self.owns_run:
            await finish_undisturbed(self._stop(), self.log)

    async def _stop(self) -> None:
        if self.task_instance is None or await asyncio.to_thread(is_abandoned, self.task_instance, self.log):
            await self._cancel()
        else:
            self.log.warning("The task goes on, or may, so run %s does too.", self.run_id)

    async def _cancel(self) -> None:
        try:
            workspace = await shared_workspace(self.conn_id)
            status = await asyncio.to_thread(self._cancel_now, workspace)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("Run %s could not be cancelled and may go on: %s", self.run_id, error)
        else:
            self.log.info("Asked to cancel run %s; it is %s.", self.run_id, status)

    def _cancel_now(self, workspace: SharedWorkspace) -> str:
        return workspace.hurried().cancel_run(self.run_id).status.value
