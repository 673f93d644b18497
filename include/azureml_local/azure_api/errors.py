"""Errors as the SDK reads them: Azure's envelope."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.azure_api.addresses import LOCATION
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RunFailed,
    ServiceUnavailable,
    StorageFull,
    Unauthorized,
    WorkspaceError,
)

logger = logging.getLogger(__name__)

_STATUS_AND_CODE: dict[type[WorkspaceError], tuple[int, str]] = {
    InvalidRequest: (400, "UserError"),
    Unauthorized: (401, "Unauthorized"),
    NotFound: (404, "NotFound"),
    Conflict: (409, "Conflict"),
    RunFailed: (409, "Conflict"),
    StorageFull: (507, "InsufficientStorage"),
    ServiceUnavailable: (503, "ServiceUnavailable"),
}


def azure_error(status: int, code: str, message: str) -> JSONResponse:
    """The answer. `details` has to be there: without it the SDK fails while it prints the error.

    Model management has its fields outside of the envelope, and the pipelines service writes their names in another
    way, so they are there three times.
    """
    body: dict[str, Any] = {
        "code": code,
        "statusCode": status,
        "message": message,
        "details": [],
        "error": {
            "code": code,
            "message": message,
            "target": None,
            "details": [],
            "innerError": None,
            "debugInfo": None,
        },
        "Error": {"Code": code, "Message": message, "Target": None, "Details": [], "InnerError": None},
        "correlation": {},
        "environment": LOCATION,
        "location": LOCATION,
        "time": datetime.now(UTC).isoformat(),
    }
    return JSONResponse(body, status_code=status)


def on_failure(request_id: str) -> Response:
    """A fault of ours. What happened stays in the log."""
    return azure_error(
        500, "InternalServerError", f"the local Azure ML failed (request id {request_id}); its server.log says why."
    )


def on_workspace_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """What the workspace refused."""
    kind = next((known for known in type(error).__mro__ if known in _STATUS_AND_CODE), ServiceUnavailable)
    status, code = _STATUS_AND_CODE[kind]
    return azure_error(status, code, str(error))


def on_http_error(request: Request, error: Exception) -> Response:
    """No such route, or not with that method: something of Azure's that is not here."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.scope.get("full_path", request.url.path)
    logger.warning("azureml-sdk: nothing answers %s %s", request.method, path)
    return azure_error(status, "NotFound", f"the local Azure ML does not answer {request.method} {path}.")
