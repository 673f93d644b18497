"""Wait for a pipeline run that another task, or somebody else, submitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout

from airflow_azureml import _arguments as arguments
from airflow_azureml._awaited import EXECUTION_TIMEOUT, Awaited, Limit, remember
from airflow_azureml._references import pipeline_run_id
from airflow_azureml._run_progress import PIPELINE, ProgressLog, RunReader, story
from airflow_azureml._task import RETRY_POLICY, AzureMLTask
from airflow_azureml._waiting import (
    DEADLINE,
    MOST_REFUSALS,
    REFUSED,
    TRIGGERER_GRACE_SECONDS,
    UNREACHABLE,
    Patience,
    WaitTimeout,
    wait_until,
)
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.links import AzureMLRunLink
from airflow_azureml.operators.trigger_pipeline import describe, pipeline_run_result
from azureml_workspace.errors import InvalidRequest, WorkspaceError
from azureml_workspace.statuses import FAILED_RUN_STATUSES, RunStatus

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from azureml_workspace.records import Run


class AzureMLPipelineRunSensor(AzureMLTask, BaseSensorOperator):
    """Wait until a pipeline run ends. Fails when the run failed or was cancelled; `soft_fail` makes that a skip.

    It does not own the run: stopping the sensor, or its `timeout`, leaves the run alone. A workspace that cannot be
    reached is asked again until the `timeout`. Deferred, the nearer of `timeout` and `execution_timeout` ends the wait.
    Returns a `PipelineRunResult`.

    :param run: the output of a trigger task that did not wait, or the id of a pipeline run.
    :param deferrable: wait in the triggerer, which holds no worker slot (default `[operators] default_deferrable`).
    :param azureml_conn_id: connection of type `azureml`.
    :param retry_policy: which errors are tried again, and when (default `AzureMLRetryPolicy()`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "run", "deferrable")
    operator_extra_links = (AzureMLRunLink(),)

    def __init__(
        self,
        *,
        run: Any,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)
        self.run = run
        self.deferrable = deferrable
        self.azureml_conn_id = azureml_conn_id
        self._awaited: Awaited | None = None

    @cached_property
    def progress(self) -> ProgressLog:
        """Logs what is new from one look to the next."""
        return ProgressLog(self.log, "score")

    @cached_property
    def _reader(self) -> RunReader:
        return RunReader()

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or leave the waiting to the triggerer."""
        if not arguments.flag("deferrable", self.deferrable):
            return super().execute(context)
        awaited = self._about_to_wait(context)
        try:
            run = self._look(context)
        except WorkspaceError as error:
            if not error.retryable:
                raise
            self.log.warning("%s; the triggerer goes on looking.", error)
        else:
            if run.status is RunStatus.COMPLETED:
                return self._result(run)
        return self._defer(context, awaited)  # also when it failed: `soft_fail` has its say when a sensor resumes

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the run once."""
        try:
            run = self._look_and_tell(context)
            if not run.status.is_terminal:
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=self._result(run))
        except WorkspaceError as error:
            if not error.retryable:
                raise
            self.log.warning("%s; looking again in %.0f s.", error, self.poke_interval)
            return PokeReturnValue(is_done=False)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """As Airflow does, with what the process that deferred the sensor left."""
        self._awaited = self.take_over(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Airflow calls this when the trigger has fired. The event only wakes the task up: it looks again itself.

        :raises AirflowSensorTimeout: the timeout has passed.
        :raises AirflowTaskTimeout: the task's `execution_timeout` has passed, which was nearer.
        """
        awaited = self._awaited or self._about_to_wait(context)
        run = self._wait(context, awaited, lambda _seen: True)
        if not run.status.is_terminal:
            if event["status"] == DEADLINE:
                raise self._late(awaited)
            if event["status"] in {REFUSED, UNREACHABLE}:
                awaited = replace(awaited, refusals=awaited.refusals + 1)
                self.log.warning(
                    "This worker sees run %s, but the triggerer does not: %s The triggerer's process needs the same "
                    "connection, with the same token.",
                    self.run_id,
                    event.get("message"),
                )
            if awaited.refusals <= MOST_REFUSALS:
                self._defer(context, awaited)
            run = self._wait(context, awaited, lambda seen: seen.status.is_terminal)
        return self._result(run)

    @property
    def run_id(self) -> str:
        """The run's id, from whatever `run` is. :raises InvalidRequest:"""
        return pipeline_run_id(self.run)

    def _about_to_wait(self, context: Context) -> Awaited:
        ti, now = context["ti"], time.time()
        return Awaited(
            conn_id=self.azureml_conn_id,
            target=self.run_id,
            limit=Limit(deadline=now + self.timeout, seconds=self.timeout, words="the sensor's timeout"),
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            try_started=now,
        )

    def _defer(self, context: Context, awaited: Awaited) -> NoReturn:
        from airflow_azureml.triggers.run import AzureMLRunTrigger

        remember(context, replace(awaited, links=self.pushed_links))
        deadline = awaited.nearest_limit(self.execution_timeout).deadline
        self.defer(
            trigger=AzureMLRunTrigger(
                run_id=self.run_id,
                owns_run=False,
                conn_id=awaited.conn_id,
                deadline=deadline,
                poll_seconds=self.poke_interval,
                outage_seconds=self.timeout,
            ),
            method_name=self.resume.__name__,
            timeout=timedelta(seconds=max(deadline - time.time(), 0) + TRIGGERER_GRACE_SECONDS),
        )

    def _wait(self, context: Context, awaited: Awaited, enough: Callable[[Run], bool]) -> Run:
        """In this worker, as long as the limits allow; one look is always taken."""
        left = awaited.nearest_limit(self.execution_timeout).deadline - time.time()
        try:
            return wait_until(
                lambda: self._look_and_tell(context),
                enough,
                what=f"run {self.run_id}",
                patience=Patience(poll=self.poke_interval, deadline=left, outage=self.timeout),
                log=self.log,
            )
        except WaitTimeout as error:
            raise self._late(awaited) from error

    def _late(self, awaited: Awaited) -> AirflowSensorTimeout | AirflowTaskTimeout:
        limit = awaited.nearest_limit(self.execution_timeout)
        late = f"run {self.run_id} was not done after {limit.seconds:.0f} s, {limit.words}."
        return AirflowTaskTimeout(late) if limit.words == EXECUTION_TIMEOUT else AirflowSensorTimeout(late)

    def _look_and_tell(self, context: Context) -> Run:
        run = self._look(context)
        if not run.status.is_terminal:
            self.progress(self._reader.detailed(self.hook.workspace, run))
        return run

    def _look(self, context: Context) -> Run:
        """:raises InvalidRequest: no pipeline's run. :raises NotFound:"""
        run = self.hook.workspace.get_run(self.run_id)
        if run.run_type != PIPELINE:
            raise InvalidRequest(
                f"run {run.run_id} is of type {run.run_type!r}; give the id of a pipeline's run, or the output of the "
                "task that triggered it."
            )
        if not self.pushed_links:
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
