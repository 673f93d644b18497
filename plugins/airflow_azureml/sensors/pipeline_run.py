"""Wait for a pipeline run that another task, or somebody else, submitted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_azureml import _arguments as arguments
from airflow_azureml._references import pipeline_run_id
from airflow_azureml._run_progress import PIPELINE, ProgressLog, Snapshot, story
from airflow_azureml._waiting import DEADLINE, UNREACHABLE
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators.trigger_pipeline import describe, pipeline_run_result
from airflow_azureml.retry_policy import AzureMLRetryPolicy
from azureml_workspace.errors import InvalidRequest, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from azureml_workspace.records import Run

_RETRY_POLICY = AzureMLRetryPolicy()
_TRIGGERER_GRACE = timedelta(minutes=15)
"""How long after the timeout a sensor stays deferred when no triggerer ends the wait."""


class AzureMLPipelineRunSensor(BaseSensorOperator):
    """Wait until a pipeline run ends. Fails when the run failed or was cancelled; `soft_fail` makes that a skip.

    It does not own the run: stopping the sensor, or its `timeout`, leaves the run alone. A workspace that cannot be
    reached is asked again until the `timeout`.
    Returns a `PipelineRunResult`.

    :param run: the output of a trigger task that did not wait, or the id of a pipeline run.
    :param deferrable: wait in the triggerer, which holds no worker slot (default `[operators] default_deferrable`).
    :param azureml_conn_id: connection of type `azureml`.
    :param retry_policy: which errors are tried again, and when (default `AzureMLRetryPolicy()`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "run", "deferrable")
    operator_extra_links = (AzureMLRunLink(),)
    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        run: Any,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        retry_policy: RetryPolicy | None = _RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)
        self.run = run
        self.deferrable = deferrable
        self.azureml_conn_id = azureml_conn_id
        self.pushed_links: dict[str, str] = {}
        self.pushed_run_id: str | None = None

    @cached_property
    def hook(self) -> AzureMLHook:
        """Made when first used, so that parsing a DAG looks up no connection."""
        return AzureMLHook(self.azureml_conn_id)

    @cached_property
    def progress(self) -> ProgressLog:
        """Logs what is new from one look to the next."""
        return ProgressLog(self.log, "score")

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or leave the waiting to the triggerer."""
        if not arguments.flag("deferrable", self.deferrable):
            return super().execute(context)
        run = self._look(context)
        if run.status is RunStatus.COMPLETED:
            return self._result(run)
        return self._defer(run)  # also when it failed: `soft_fail` has its say when a sensor resumes

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the run once."""
        try:
            run = self._look(context)
            if not run.status.is_terminal:
                self.progress(Snapshot.detailed(self.hook.workspace, run))
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=self._result(run))
        except WorkspaceError as error:
            if not error.retryable:
                raise
            self.log.warning("%s; looking again in %.0f s.", error, self.poke_interval)
            return PokeReturnValue(is_done=False)

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Airflow calls this when the trigger has fired. The event only wakes the task up: it looks again itself.

        :raises AirflowSensorTimeout: the timeout has passed.
        """
        late = f"run {self.run_id} was not done after {self.timeout:.0f} s, the sensor's timeout."
        try:
            run = self._look(context)
        except WorkspaceError as error:
            if error.retryable and event["status"] in {DEADLINE, UNREACHABLE}:
                raise AirflowSensorTimeout(late) from error
            raise
        if run.status.is_terminal:
            return self._result(run)
        if event["status"] in {DEADLINE, UNREACHABLE}:
            raise AirflowSensorTimeout(late)
        raise WorkspaceError(f"the triggerer cannot wait for run {self.run_id}. {event.get('message')}")

    @property
    def run_id(self) -> str:
        """The run's id, from whatever `run` is. :raises InvalidRequest:"""
        return pipeline_run_id(self.run)

    def _defer(self, run: Run) -> NoReturn:
        from airflow_azureml.triggers.run import AzureMLRunTrigger

        self.defer(
            trigger=AzureMLRunTrigger(
                run_id=run.run_id,
                owns_run=False,
                conn_id=self.azureml_conn_id,
                deadline=time.time() + self.timeout,
                poll_seconds=self.poke_interval,
                outage_seconds=self.timeout,
            ),
            method_name=self.resume.__name__,
            timeout=timedelta(seconds=self.timeout) + _TRIGGERER_GRACE,
        )

    def _look(self, context: Context) -> Run:
        """:raises InvalidRequest: no pipeline's run. :raises NotFound:"""
        run = self.hook.workspace.get_run(self.run_id)
        if run.run_type != PIPELINE:
            raise InvalidRequest(
                f"run {run.run_id} is of type {run.run_type!r}; give the id of a pipeline's run, or the output of the "
                "task that triggered it."
            )
        if self.pushed_run_id is None:
            url = AzureMLRunLink().push(self, context, run)
            self.log.info("Run %s of experiment %s: %s", run.run_id, run.experiment_name, url)
        return run

    def _result(self, run: Run) -> dict[str, Any]:
        """:raises AirflowFailException: the run failed or was cancelled; says why and where to look."""
        self.log.info("%s", story(run))
        if run.status in FAILED_RUN_STATUSES:
            raise AirflowFailException(
                f"run {run.run_id} is {run.status}: {run.error or 'no reason was given.'} See {run.portal_url}"
            )
        result = self.hook.workspace.pipeline_result(run.run_id)
        self.log.info("%s", describe(result))
        return pipeline_run_result(run, result).to_dict()
