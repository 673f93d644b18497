"""Operators that submit a run and wait for its end: AutoML, a published pipeline."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_azureml._run_progress import ProgressLog, Snapshot, story
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators._awaited import Awaited
from airflow_azureml.operators._waiting_operator import AzureMLWaitingOperator, Begun
from azureml_workspace.errors import RunFailed, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger
    from pydantic import JsonValue

    from azureml_workspace.records import Record, Run

_METRIC = "metric"
_MEMO = "memo"


@dataclass(frozen=True, kw_only=True)
class SubmittedRun:
    """A run that was submitted, or found by its submission key.

    `limit_seconds` bounds the wait for its end, queueing included; `limit` says in words what sets it. `memo` is what
    `outcome` needs of what `submit` learned: JSON, for another process may read it. `metric` names the score in lines
    of progress.
    """

    run: Run
    limit_seconds: float
    limit: str = "the run's own limit and queue_timeout_minutes together"
    memo: dict[str, JsonValue] = field(default_factory=dict)
    metric: str = "score"


class AzureMLRemoteRunOperator(AzureMLWaitingOperator[Snapshot]):
    """Submits a run, waits for its end, and makes a result of it. Stopping the task cancels the run.

    Waiting has the arguments of `AzureMLWaitingOperator`.
    """

    operator_extra_links = (AzureMLRunLink(),)

    @abstractmethod
    def submit(self, context: Context) -> SubmittedRun:
        """Check everything, then submit the run under the task's submission key."""

    @abstractmethod
    def outcome(self, context: Context, run: Run, memo: dict[str, JsonValue]) -> Record:
        """The operator's result. `run` is completed; the operator may be another object than the one that submitted."""

    def begin(self, context: Context) -> Begun:
        """Submit, and show where the run is."""
        submitted = self.submit(context)
        run = submitted.run
        url = AzureMLRunLink().push(self, context, run)
        self.log.info("Run %s of experiment %s: %s", run.run_id, run.experiment_name, url)
        memo = {_MEMO: submitted.memo, _METRIC: submitted.metric}
        return Begun(target=run.run_id, limit_seconds=submitted.limit_seconds, limit=submitted.limit, memo=memo)

    def look(self, target: str) -> Snapshot:
        """The run, and how far it is."""
        return Snapshot.read(self.hook.workspace, target)

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
        return ProgressLog(self.log, awaited.memo[_METRIC])

    def trigger(self, awaited: Awaited, *, poll_seconds: float, outage_seconds: float) -> BaseTrigger:
        """What waits for the run in the triggerer."""
        from airflow_azureml.triggers.run import AzureMLRunTrigger

        return AzureMLRunTrigger(
            conn_id=awaited.conn_id,
            run_id=awaited.target,
            metric=awaited.memo[_METRIC],
            deadline=awaited.deadline,
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
                f"Its log is the run's file logs/job.log, at {run.portal_url}"
            )
        return self.outcome(context, run, awaited.memo[_MEMO])

    def give_up(self, awaited: Awaited) -> None:
        """Cancel the run."""
        try:
            status = self._hook_of(awaited).hurried_workspace().cancel_run(awaited.target).status
            self.log.info("Asked to cancel run %s; it is %s.", awaited.target, status)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("Run %s could not be cancelled and may go on: %s", awaited.target, error)

    def supersede(self, before: Awaited) -> None:
        """Cancel the run of an execution whose worker died, and that nobody will take up: it has another key."""
        try:
            run = self._hook_of(before).workspace.get_run(before.target)
        except (WorkspaceError, AirflowNotFoundException) as error:
            self.log.warning("Run %s of an earlier execution of this task is not found: %s", before.target, error)
            return
        if not run.status.is_terminal:
            self.log.info("Run %s of an earlier execution of this task is still %s.", run.run_id, run.status)
            self.give_up(before)

    def _hook_of(self, awaited: Awaited) -> AzureMLHook:
        return self.hook if awaited.conn_id == self.azureml_conn_id else AzureMLHook(awaited.conn_id)
