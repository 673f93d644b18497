"""Azure's answers that are no success, as errors of the seam."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from azureml_workspace.azure_v1.advice import advised
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    StorageFull,
    Throttled,
    Unauthorized,
    WorkspaceError,
)

_BY_STATUS: dict[int, type[WorkspaceError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: ServiceUnavailable,
    409: Conflict,
    412: Conflict,
    429: Throttled,
    507: StorageFull,
}
_LONGEST_MESSAGE = 1000
_MISSING_ROLE = "AuthorizationFailed"
_REFUSED_ACTION = re.compile(r"perform action '([\w.]+)/")
"""Azure says which action of which provider."""
_OWN_PROVIDER = "microsoft.machinelearningservices"


def error_of(response: requests.Response) -> WorkspaceError:
    """The error that `response` stands for, with Azure's own code and message."""
    text = response.text
    try:
        body: Any = response.json()
    except requests.exceptions.JSONDecodeError:
        body = None
    return error_of_status(
        response.status_code, _message(body, text) or response.reason, retry_after_in(response.headers)
    )


def error_of_status(
    status: int, message: str, retry_after: float | None = None, *, who: str = "Azure ML"
) -> WorkspaceError:
    """The error of an HTTP status. A server's trouble is ServiceUnavailable, any other refusal InvalidRequest.

    `who` answered.
    """
    kind = _BY_STATUS.get(status) or (ServiceUnavailable if status >= 500 else InvalidRequest)
    words = f"{who} answered {status}: {message[:_LONGEST_MESSAGE]}"
    if kind is Throttled:
        return Throttled(words, retry_after)
    if kind is ServiceUnavailable:
        return ServiceUnavailable(advised(words), retry_after)
    if status == requests.codes.forbidden and _is_role_on_workspace(message):
        words += (
            " The identity that signed in has no role that allows it: AzureML Data Scientist on the workspace does, "
            "and AzureML Compute Operator as well to create a compute cluster."
        )
    return kind(advised(words))


def _is_role_on_workspace(message: str) -> bool:
    """Whether a role on the workspace is missing: not one on Application Insights, nor the way to storage."""
    providers = {provider.lower() for provider in _REFUSED_ACTION.findall(message)}
    return providers == {_OWN_PROVIDER} if providers else _MISSING_ROLE in message


def _message(body: Any, text: str) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return text.strip()[:200]
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    inner = error.get("innerError")
    while isinstance(inner, dict):
        code = str(inner.get("code") or code)
        inner = inner.get("innerError")
    return f"{message} ({code})" if code and code not in message else message


def retry_after_in(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds from now, None when it is not there: a number, or a moment (RFC 9110, 10.2.3)."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
