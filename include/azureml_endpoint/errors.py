"""What can go wrong between a client and a web service, each kind also an error of the seam.

So a retry policy that knows `azureml_workspace.errors` needs to know nothing of HTTP. No message holds a key.
"""

from __future__ import annotations

from azureml_workspace.errors import (
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WorkspaceError,
)


class EndpointError(WorkspaceError):
    """Base. `status` is the HTTP status, None when there was no answer; `request_id` finds it in the service's log."""

    status: int | None = None
    request_id: str | None = None


class KeyRefused(EndpointError, Unauthorized):
    """401 or 403: the key is wrong, missing, or was regenerated."""


class RowsRefused(EndpointError, InvalidRequest):
    """Another 4xx, or an error inside a 200 as Azure's scoring scripts report one: these rows are not scored."""


class EndpointNotFound(EndpointError, NotFound):
    """404 or 410: nothing answers under this URI."""


class TooManyRequests(EndpointError, Throttled):
    """429: the service asks for fewer requests; `retry_after` in seconds when it said how long."""


class EndpointUnavailable(EndpointError, ServiceUnavailable):
    """5xx, no connection, or no complete answer in time."""


class UnexpectedReply(EndpointError):
    """The service answered, but not in the wire shape of a web service (see `azureml_endpoint.wire`)."""


def error_for_status(
    status: int, message: str, *, request_id: str | None = None, retry_after: float | None = None
) -> EndpointError:
    """The error that an HTTP status of 300 and above stands for; `message` is what the service said."""
    error: EndpointError
    if status in (401, 403):
        error = KeyRefused(f"The web service refused the key (HTTP {status}): {message}")
    elif status in (404, 410):
        error = EndpointNotFound(f"Nothing to score at this URI (HTTP {status}): {message}")
    elif status == 429:
        error = TooManyRequests(f"The web service asks for fewer requests (HTTP 429): {message}", retry_after)
    elif status >= 500:
        error = EndpointUnavailable(f"The web service failed (HTTP {status}): {message}")
    elif status >= 400:
        error = RowsRefused(f"The web service refused the request (HTTP {status}): {message}")
    else:
        error = UnexpectedReply(f"The web service answered HTTP {status} where 200 was expected: {message}")
    error.status = status
    error.request_id = request_id
    return error
