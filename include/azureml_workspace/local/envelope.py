"""The error envelope `{"error": {"code", "message"}}` of the local server, turned into the seam's errors."""

from __future__ import annotations

from typing import Any

import requests

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

_BY_CODE: dict[str, type[WorkspaceError]] = {
    error.__name__: error
    for error in (
        InvalidRequest,
        NotFound,
        Conflict,
        Unauthorized,
        RunFailed,
        Throttled,
        ServiceUnavailable,
        StorageFull,
    )
}
_BY_STATUS: dict[int, type[WorkspaceError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    429: Throttled,
    507: StorageFull,
}


def error_of(response: requests.Response, server: str) -> WorkspaceError:
    """The error that `response`, which is not a success, stands for.

    The class is the one the envelope names. An answer without the envelope (a proxy, another program) is judged by
    its HTTP status.
    """
    code, message = _read(response)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = ServiceUnavailable if response.status_code >= 500 else InvalidRequest
    if not message:
        message = f"{server} answered {response.status_code} {response.reason} without saying why."
    if kind is Unauthorized:
        message += f" The token that {server} wants is in the `token` file of its home folder."
    if kind is Throttled:
        return Throttled(message, _retry_after(response))
    return kind(message)


def _read(response: requests.Response) -> tuple[str, str]:
    try:
        body: Any = response.json()
    except requests.exceptions.JSONDecodeError:
        return "", ""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code", "")), str(error.get("message", ""))


def _retry_after(response: requests.Response) -> float | None:
    """`Retry-After` in seconds; its HTTP-date form is not used by this server."""
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
