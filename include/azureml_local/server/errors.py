"""Errors as the client sees them: `{"error": {"code", "message"}}` with the HTTP status of the error's class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RunFailed,
    ServiceUnavailable,
    StorageFull,
    Throttled,
    Unauthorized,
    WorkspaceError,
)

_HTTP_STATUS: dict[type[WorkspaceError], int] = {
    InvalidRequest: 400,
    Unauthorized: 401,
    NotFound: 404,
    Conflict: 409,
    RunFailed: 409,
    Throttled: 429,
    ServiceUnavailable: 503,
    StorageFull: 507,
}
_DEFAULT_RETRY_SECONDS = 1.0


def error_response(error: WorkspaceError, *, status: int | None = None) -> JSONResponse:
    """The answer that carries `error`, under the nearest class that the client knows."""
    known = next(kind for kind in type(error).__mro__ if kind in _HTTP_STATUS or kind is WorkspaceError)
    headers: dict[str, str] = {}
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(math.ceil(error.retry_after or _DEFAULT_RETRY_SECONDS))
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"error": {"code": known.__name__, "message": str(error)}},
        status_code=status or _HTTP_STATUS.get(known, 500),
        headers=headers,
    )


def internal_error(request_id: str) -> JSONResponse:
    """The answer to a request that failed through a fault of ours. What happened stays in the log."""
    error = ServiceUnavailable(
        f"the local Azure ML failed at this request (request id {request_id}); the reason is in its server.log."
    )
    return error_response(error, status=500)


def install(app: FastAPI) -> None:
    """Make every error of the app leave in the envelope."""
    app.add_exception_handler(WorkspaceError, _workspace_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _routing_error)


async def _workspace_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    if not isinstance(error, WorkspaceError):
        raise error
    return error_response(error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    if not isinstance(error, RequestValidationError):
        raise error
    problems = "; ".join(_sentence(problem) for problem in error.errors())
    return error_response(InvalidRequest(f"{problems}."))


async def _routing_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    asked = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        return error_response(NotFound(f"there is no route {asked}; GET /openapi.json lists them."))
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "other methods")
        response = error_response(InvalidRequest(f"{asked} is not a route; this path takes {allowed}."), status=405)
    else:
        response = error_response(InvalidRequest(f"{asked}: {error.detail}"), status=error.status_code)
    response.headers.update(error.headers or {})
    return response


def _sentence(problem: Mapping[str, Any]) -> str:
    """`settings.iterations: Input should be a valid integer (given 'x')`, without values that may be long."""
    place = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    if problem["type"] == "json_invalid":
        return f"the body is not JSON: {problem['ctx']['error']}"
    if problem["type"] == "missing":
        return f"{'.'.join(place) or 'the body'} is missing"
    message = f"{'.'.join(place) or 'the body'}: {problem['msg']}"
    given = problem.get("input")
    if isinstance(given, str | int | float | bool) and len(str(given)) <= 60:
        message += f" (given {given!r})"
    return message
