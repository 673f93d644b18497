"""Why a page cannot be shown, in words: what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from airflow.sdk.exceptions import AirflowNotFoundException

from azureml_workspace.errors import NotFound, Unauthorized, WorkspaceError


class Trouble(Exception):
    """Shown instead of a page. `passing` says that the same address may work later by itself."""

    def __init__(self, status: HTTPStatus, title: str, message: str, advice: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.title = title
        self.message = message
        self.advice = advice
        self.passing = passing


@contextmanager
def workspace_troubles(conn_id: str) -> Iterator[None]:
    """Errors of the workspace and of its connection as troubles."""
    try:
        yield
    except NotFound as error:
        advice = "It was deleted, or the connection points at another workspace than when the task ran."
        raise Trouble(HTTPStatus.NOT_FOUND, "The workspace does not know this any more", str(error), advice) from error
    except Unauthorized as error:
        advice = f"Check the token of the connection {conn_id!r}; the API server has to be able to read its token file."
        raise Trouble(HTTPStatus.BAD_GATEWAY, "The workspace refused the credentials", str(error), advice) from error
    except AirflowNotFoundException as error:
        advice = "The API server reads the connection too: one that is set in the environment has to be set in its own."
        raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "There is no such connection", str(error), advice) from error
    except WorkspaceError as error:
        if not error.retryable:
            advice = f"Check the connection {conn_id!r}."
            raise Trouble(HTTPStatus.BAD_GATEWAY, "The workspace gave no useful answer", str(error), advice) from error
        advice = "Runs go on meanwhile. Reload the page once the workspace answers again."
        title = "The workspace cannot be reached"
        raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, title, str(error), advice, passing=True) from error
