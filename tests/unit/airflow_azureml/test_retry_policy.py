from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_azureml._waiting import WaitTimeout
from airflow_azureml.retry_policy import AzureMLRetryPolicy
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RunFailed,
    ServiceUnavailable,
    StorageFull,
    Throttled,
    Unauthorized,
)

pytestmark = pytest.mark.unit

POLICY = AzureMLRetryPolicy(first_delay=timedelta(seconds=4), longest_delay=timedelta(seconds=60))


@pytest.mark.parametrize("error", [InvalidRequest, Unauthorized, NotFound, Conflict, RunFailed])
def test_what_a_retry_cannot_mend_is_not_retried(error: type[Exception]) -> None:
    decision = POLICY.evaluate(error("no"), 1, 5)
    assert decision.action is RetryAction.FAIL
    assert error.__name__ in str(decision.reason)


@pytest.mark.parametrize("error", [ServiceUnavailable("down"), StorageFull("full"), Throttled("slow")])
def test_the_delay_grows_up_to_a_limit(error: Exception) -> None:
    decisions = [POLICY.evaluate(error, attempt, 99) for attempt in (1, 2, 3, 4, 5, 6, 500)]
    assert {decision.action for decision in decisions} == {RetryAction.RETRY}
    assert [decision.retry_delay for decision in decisions] == [
        timedelta(seconds=seconds) for seconds in (4, 8, 16, 32, 60, 60, 60)
    ]


@pytest.mark.parametrize("error", [Throttled("slow", 1.5), ServiceUnavailable("at work on it", 1.5)])
def test_it_waits_as_long_as_it_was_told(error: Exception) -> None:
    assert POLICY.evaluate(error, 9, 99).retry_delay == timedelta(seconds=1.5)


@pytest.mark.parametrize(
    "error", [ValueError("bug"), WaitTimeout("late"), KeyboardInterrupt(), AirflowNotFoundException("not given")]
)
def test_the_rest_is_left_to_airflow(error: BaseException) -> None:
    assert POLICY.evaluate(error, 1, 5).action is RetryAction.DEFAULT
