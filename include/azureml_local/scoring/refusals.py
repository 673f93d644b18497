"""Every way a request is refused: its status, its code, and the body `{"error": {"code", "message"}}`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azureml_workspace.errors import InvalidRequest, Unauthorized, WorkspaceError

MAX_BODY_BYTES = 10 * 1024 * 1024


class Refusal(Exception):
    """A request that is answered with an error. `status` is an HTTP status, `headers` are added to the answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @classmethod
    def of(cls, error: WorkspaceError) -> Refusal:
        """The refusal that a workspace error is."""
        if isinstance(error, Unauthorized):
            return cls(401, "Unauthorized", str(error), {"WWW-Authenticate": "Bearer"})
        if isinstance(error, InvalidRequest):
            return cls(400, "InvalidRequest", str(error))
        return cls(500, type(error).__name__, str(error))

    @property
    def body(self) -> bytes:
        """The JSON of the answer, a plain object in both response formats."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message}})


class BodyNotReceived(Exception):
    """The client left, or was dropped for stalling, before its request was complete; there is nobody to answer."""


def body_too_large() -> Refusal:
    """413."""
    return Refusal(
        413, "RequestTooLarge", f"the body is above {MAX_BODY_BYTES // 2**20} MB, the most one request may have."
    )


def too_busy() -> Refusal:
    """503: other clients are sending large bodies at this moment."""
    return Refusal(
        503, "ServiceUnavailable", "too many large requests at once; try again in a second.", {"Retry-After": "1"}
    )


def wrong_method(method: str, path: str, allowed: str) -> Refusal:
    """405, with `Allow`."""
    return Refusal(405, "MethodNotAllowed", f"{method} is not for {path}; use {allowed}.", {"Allow": allowed})


def no_such_route(path: str) -> Refusal:
    """404."""
    return Refusal(404, "NotFound", f"there is no {path[:80]!r} here: POST /score, GET / and GET /swagger.json.")


def failed_inside(request_id: str) -> Refusal:
    """500: our mistake, told without its inside."""
    return Refusal(500, "InternalError", f"the service failed; its log has the reason under request id {request_id}.")
