"""Which errors end a task at once, and after how long the others are tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

from azureml_workspace.errors import ServiceUnavailable, Throttled, WorkspaceError

if TYPE_CHECKING:
    from airflow.sdk import Context


class AzureMLRetryPolicy(RetryPolicy):
    """Decides by the kind of error; `retries` of the task stays the most tries there are.

    * throttled, or asked while it is at work on the same: again after what the workspace asked for;
    * unreachable, or out of room: again after `first_delay`, twice as long after each try, `longest_delay` at most;
    * what a retry cannot mend (a bad argument, refused credentials, a failed run): not again;
    * anything else: as Airflow does without a policy; a missing connection too, since Airflow says the same of one that
      it could not give just now.

    Every operator of this package has it; other tasks may get it through `default_args`.

    :param first_delay: pause after the first failure (default 10 s).
    :param longest_delay: the longest pause (default 5 min).
    """

    def __init__(
        self, *, first_delay: timedelta = timedelta(seconds=10), longest_delay: timedelta = timedelta(minutes=5)
    ) -> None:
        self.first_delay = first_delay
        self.longest_delay = longest_delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Called by the worker with the error that the task failed with."""
        kind = type(exception).__name__
        if not isinstance(exception, WorkspaceError):
            return RetryDecision.default()
        if not exception.retryable:
            return RetryDecision.fail(f"{kind}: a retry cannot mend that.")
        delay = self._growing(try_number)
        if isinstance(exception, Throttled | ServiceUnavailable) and exception.retry_after is not None:
            delay = timedelta(seconds=exception.retry_after)
        seconds = delay.total_seconds()
        return RetryDecision.retry(delay, f"{kind}: it may pass; again after {seconds:.0f} s, if tries are left.")

    def _growing(self, try_number: int) -> timedelta:
        doublings = min(max(try_number - 1, 0), 30)  # 30: far beyond any longest delay, and no overflow
        return min(self.first_delay * (1 << doublings), self.longest_delay)
