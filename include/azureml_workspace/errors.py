"""The errors an adapter may raise. A retry policy reads the class, a person reads the message.

`retryable` answers one question: may the same call succeed later without anybody changing anything?
"""

from __future__ import annotations


class WorkspaceError(Exception):
    """Base of every error that crosses the seam. The message never holds a secret."""

    retryable = False


class InvalidRequest(WorkspaceError):
    """The caller asked for something that can never work; names the value, what was expected and what to do."""


class NotFound(WorkspaceError):
    """The named object does not exist in this workspace."""


class Conflict(WorkspaceError):
    """The object exists in a state that forbids the request (for example, a service is being updated)."""


class Unauthorized(WorkspaceError):
    """The credentials were refused; trying again with the same ones is pointless."""


class RunFailed(WorkspaceError):
    """A run ended as Failed or Canceled where a completed one was needed."""


class Throttled(WorkspaceError):
    """Too many requests. `retry_after` is the wait in seconds that the service asked for, None when it named none."""

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceUnavailable(WorkspaceError):
    """The workspace could not be reached, answered 5xx, or is at work on this very request.

    `retry_after` is after how many seconds it will be different, None when nobody knows.
    """

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageFull(ServiceUnavailable):
    """The workspace has no room to store what was sent; nothing was kept. Free space, then try again."""
