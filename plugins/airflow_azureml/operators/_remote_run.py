"""Operators that submit a run and wait for its end: AutoML, a published pipeline."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf

from airflow_azureml import _arguments as arguments
from airflow_azureml._waiting import Patience, TaskStopped, WaitTimeout, wait_until
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators._run_progress import ProgressLog, Snapshot
from airflow_azureml.operators.base import AzureMLBaseOperator
from azureml_workspace.errors import RunFailed, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

    from azureml_workspace.records import Record, Run


@dataclass(frozen=True, kw_only=True)
class SubmittedRun:
    """A run that was submitted, or found by its submission key.

    `limit_seconds` bounds the wait for its end, queueing included. `memo` is what `outcome` needs of what `submit`
    learned: JSON, for another process may read it. `metric` names the score in progress lines.
    """

    run: Run
    limit_seconds: float
    memo: dict[str, JsonValue] = field(default_factory=dict)
    metric: str = "score"


class AzureMLRemoteRunOperator(AzureMLBaseOperator):
    """Submits a run, waits for its end, and makes a result of it. Stopping the task cancels the run.

    :param deferrable: wait in the triggerer, which holds no worker slot (default `[operators] default_deferrable`).
    :param outage_minutes: how long the workspace may be unreachable while waiting (default 5).
    :param poll_seconds: pause between two looks at the run (default 2).
    """

    template_fields: Sequence[str] = (
        *AzureMLBaseOperator.template_fields,
        "deferrable",
        "outage_minutes",
        "poll_seconds",
    )
    operator_extra_links = (AzureMLRunLink(),)

    def __init__(
        self,
        *,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        outage_minutes: float | str = 5,
        poll_seconds: float | str = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.outage_minutes = outage_minutes
        self.poll_seconds = poll_seconds
        self._run_id: str | None = None

    @abstractmethod
    def submit(self, context: Context) -> SubmittedRun:
        """Check everything, then submit the run under the task's submission key."""

    @abstractmethod
    def outcome(self, context: Context, run: Run, memo: dict[str, JsonValue]) -> Record:
        """The operator's result. `run` is completed; the operator may be another object than the one that submitted."""

    def perform(self, context: Context) -> Record:
        """Submit, wait, make the result."""
        patience = self._patience()
        submitted = self.submit(context)
        run = submitted.run
        self._run_id = run.run_id
        url = AzureMLRunLink().push(self, context, run)
        self.log.info("Run %s of experiment %s: %s", run.run_id, run.experiment_name, url)
        run = self._wait(submitted, patience)
        return self.outcome(context, run, submitted.memo)

    def on_kill(self) -> None:
        """Cancel the run. Before it was submitted there is nothing to cancel; `perform` sees that it has to stop."""
        super().on_kill()
        if self._run_id is not None:
            self._cancel(self._run_id)

    def _patience(self) -> Patience:
        patience = Patience(
            poll=arguments.number("poll_seconds", self.poll_seconds),
            deadline=math.inf,  # known once `submit` has read the limits
            outage=arguments.number("outage_minutes", self.outage_minutes) * 60,
        )
        patience.validate()
        return patience

    def _wait(self, submitted: SubmittedRun, patience: Patience) -> Run:
        """The completed run. :raises RunFailed: it failed or was cancelled; says why and where to look."""
        run_id = submitted.run.run_id
        workspace = self.hook.workspace
        try:
            seen = wait_until(
                lambda: Snapshot.read(workspace, run_id),
                lambda snapshot: snapshot.run.status.is_terminal,
                what=f"run {run_id}",
                patience=replace(patience, deadline=submitted.limit_seconds),
                log=self.log,
                report=ProgressLog(self.log, submitted.metric),
                stopped=self.was_killed,
            )
        except (TaskStopped, WaitTimeout):
            self._cancel(run_id)
            raise
        return _completed(seen.run)

    def _cancel(self, run_id: str) -> None:
        try:
            status = self.hook.hurried_workspace().cancel_run(run_id).status
            self.log.info("Asked to cancel run %s; it is %s.", run_id, status)
        except WorkspaceError as error:
            self.log.warning("Run %s could not be cancelled and may go on: %s", run_id, error)


def _completed(run: Run) -> Run:
    """`run`. :raises RunFailed: it failed or was cancelled."""
    if run.status in FAILED_RUN_STATUSES:
        raise RunFailed(
            f"run {run.run_id} is {run.status}: {run.error or 'no reason was given'} "
            f"Its log is the run's file logs/job.log, at {run.portal_url}"
        )
    return run
