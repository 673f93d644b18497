"""Which errors end a task at once and which are left to Airflow's retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from azureml_workspace.errors import WorkspaceError


@contextmanager
def fail_fast() -> Iterator[None]:
    """Fail without retrying when a retry cannot help (`retryable` is False); let the rest through for Airflow to retry.

    :raises AirflowFailException: with the kind and the message of the error, which stays chained as its cause.
    """
    try:
        yield
    except AirflowNotFoundException as error:
        raise AirflowFailException(str(error)) from error
    except WorkspaceError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
