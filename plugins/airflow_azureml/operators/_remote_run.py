"""Operators that submit a run and wait for its end: AutoML, a published pipeline."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_azureml._run_progress import ProgressLog, RunReader, Snapshot, story
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators._waiting_operator import AzureMLWaitingOperator
from azureml_workspace.errors import NotFound, RunFailed, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger
    from pydantic import JsonValue

    from airflow_azureml._awaited import Awaited
    from airflow_azureml._waiting import Patience
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import Record, Run

OWN_LIMIT = "the run's own limit and queue_timeout_minutes together"

_CANCELLATION_SECONDS = 300.0
_LOOKS_AFTER_SECONDS = (0.0, 0.5, 1.0)
"""Pauses before each look for a run whose submission was interrupted; a stopped task has five seconds in all."""


class AzureMLRemoteRunOperator(AzureMLWaitingOperator[Snapshot]):
    """Submits a run, waits for its end, and makes a result of it. Stopping the task cancels the run.

    `prepare` is the subclass's: its plan has the task's submission key, and begins by submitting the run.
    Waiting has the arguments of `AzureMLWaitingOperator`.
    """

    operator_extra_links = (AzureMLRunLink(),)

    @cached_property
    def _reader(self) -> RunReader:
        return RunReader()

    @abstractmethod
    def outcome(self, context: Context, run: Run, memo: dict[str, JsonValue]) -> Record:
        """The operator's result. `run` is completed; the operator may be another object than the one that submitted."""

    def target_of(self, seen: Snapshot) -> str:
        """The run's id."""
        return seen.run.run_id

    def show(self, context: Context, seen: Snapshot) -> None:
        """Push the link to the run."""
        run = seen.run
        url = AzureMLRunLink().push(self, context, run)
        self.log.info("Run %s of experiment %s: %s", run.run_id, run.experiment_name, url)

    def look(self, target: str) -> Snapshot:
        """The run; how far it is only now and then."""
        return self._reader.read(self.hook.workspace, target)

    def is_settled(self, seen: Snapshot) -> bool:
        """Whether the run has ended."""
        return seen.run.status.is_terminal

    def was_cut_short(self, seen: Snapshot) -> bool:
        """Whether it was cancelled."""
        return seen.run.status is RunStatus.CANCELED

    def describe(self, target: str) -> str:
        """The run, in words."""
        return f"run {target}"

    def reporter(self, awaited: Awaited) -> Callable[[Snapshot], None]:
        """Lines of progress."""
        return ProgressLog(self.log, awaited.metric)

    def trigger(self, awaited: Awaited, *, deadline: float, poll_seconds: float, outage_seconds: float) -> BaseTrigger:
        """What waits for the run in the triggerer."""
        from airflow_azureml.triggers.run import AzureMLRunTrigger

        return AzureMLRunTrigger(
            conn_id=awaited.conn_id,
            run_id=str(awaited.target),
            metric=awaited.metric,
            deadline=deadline,
            poll_seconds=poll_seconds,
            outage_seconds=outage_seconds,
        )

    def finish(self, context: Context, seen: Snapshot, awaited: Awaited) -> Record:
        """Tell how it went, and make the result. :raises RunFailed: says why and where to look."""
        run = seen.run
        self.log.info("%s", story(run))
        if run.status in FAILED_RUN_STATUSES:
            raise RunFailed(
                f"run {run.run_id} is {run.status}: {run.error or 'no reason was given'} "
                f"Its log is among the run's files, at {run.portal_url}"
            )
        return self.outcome(context, run, awaited.memo)

    def earlier(self, before: Awaited, patience: Patience) -> Snapshot | None:
        """The run, unless it is not there, failed or was cancelled. One that is being cancelled is seen to its end.

        A key finds such a run, so what is submitted before it has ended would be cancelled with it. One that was found
        by its key and has not started may be half a submission: whether it counts, submitting it again tells.
        """
        try:
            run = self.ask_patiently(
                lambda: _find(self.hook.workspace, before),
                "the run of an earlier try",
                replace(patience, deadline=_CANCELLATION_SECONDS, limit="the time to cancel a run"),
                until=lambda run: run is None or run.status is not RunStatus.CANCEL_REQUESTED,
            )
        except NotFound:
            return None
        if run is None or run.status in FAILED_RUN_STATUSES:
            return None
        return None if before.target is None and run.status is RunStatus.NOT_STARTED else Snapshot(run)

    def give_up(self, awaited: Awaited) -> None:
        """Cancel the run."""
        what = f"run {awaited.target}" if awaited.target else "what was being submitted"
        try:
            workspace = self.hook_of(awaited).hurried_workspace()
            target = awaited.target or _submitted_meanwhile(workspace, awaited)
            if target is None:
                self.log.info("No run was submitted, as far as the workspace knows.")
            else:
                status = workspace.cancel_run(target).status
                self.log.info("Asked to cancel run %s; it is %s.", target, status)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("%s could not be cancelled and may go on: %s", what.capitalize(), error)

    def supersede(self, before: Awaited) -> None:
        """Cancel the run of an execution whose worker died, and that nobody will take up: it has another key."""
        try:
            run = _find(self.hook_of(before).workspace, before)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("The run of an earlier execution of this task is not found: %s", error)
            return
        if run is not None and not run.status.is_terminal:
            self.log.info("Run %s of an earlier execution of this task is still %s.", run.run_id, run.status)
            self.give_up(before)


def _submitted_meanwhile(workspace: Workspace, awaited: Awaited) -> str | None:
    """The id of the run whose submission was interrupted here. The workspace may still be busy with it."""
    for pause in _LOOKS_AFTER_SECONDS:
        time.sleep(pause)
        if (run := _find(workspace, awaited)) is not None:
            return run.run_id
    return None


def _find(workspace: Workspace, awaited: Awaited) -> Run | None:
    """:raises NotFound: the run is not there any more."""
    if awaited.target is not None:
        return workspace.get_run(awaited.target)
    return None if awaited.submission_key is None else workspace.find_run(awaited.submission_key)
