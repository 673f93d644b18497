"""Whether a process that ends without a result leaves something behind that nobody will wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, AirflowTaskTimeout

from airflow_azureml._awaited import recall
from airflow_azureml._task_state import has_tries_left, is_abandoned
from airflow_azureml._waiting import TaskStopped, WaitTimeout

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def is_left_behind(task: BaseOperator, context: Context, error: BaseException) -> bool:
    """One rule for everything that ends a process: what the next try can take up is left to it.

    Nobody takes it up when no tries are left, when a limit has passed, when the error ends the task whatever its
    retries, or when the task was stopped and Airflow has done with it. A worker that is told to end, that Airflow took
    for dead, or that cannot reach Airflow is stopped all the same, but then another try waits for the same, or will.
    """
    ti = context["ti"]
    if not has_tries_left(ti):
        return True
    if isinstance(error, TaskStopped):
        return is_abandoned(ti, task.log)
    if isinstance(error, WaitTimeout | AirflowTaskTimeout) or _ends_the_task(task, context, error):
        return not _was_taken_over(task, context)
    return False


def _ends_the_task(task: BaseOperator, context: Context, error: BaseException) -> bool:
    if isinstance(error, AirflowFailException):
        return True
    ti = context["ti"]
    policy = task.retry_policy
    return (
        policy is not None and policy.evaluate(error, ti.try_number, ti.max_tries, context).action is RetryAction.FAIL
    )


def _was_taken_over(task: BaseOperator, context: Context) -> bool:
    """Whether a later try waits for it, as after this process stood still for long; also when Airflow does not say."""
    try:
        kept = recall(context, task.log)
    except AirflowRuntimeError as unknown:
        task.log.warning("Airflow does not tell whether another try has taken over: %s", unknown)
        return True
    return kept is None or kept.try_number > context["ti"].try_number
