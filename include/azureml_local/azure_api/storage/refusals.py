"""Why storage refuses a request, as Azure Storage says it."""

from __future__ import annotations

from http import HTTPStatus
from xml.sax.saxutils import escape

from starlette.responses import Response

API_VERSION = "2021-08-06"
"""`x-ms-version` of every answer."""


class StorageRefusal(Exception):
    """A refusal with Azure's own status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self) -> Response:
        """The answer. Some have no body, so clients read the code from the header."""
        headers = {"x-ms-error-code": self.code, "x-ms-version": API_VERSION}
        if self.status == HTTPStatus.NOT_MODIFIED:  # a body would be taken for the beginning of the next answer
            return Response(status_code=self.status, headers=headers)
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        )
        return Response(body, self.status, headers, "application/xml")


def not_authenticated(message: str) -> StorageRefusal:
    """The request's signature does not let it in."""
    return StorageRefusal(403, "AuthenticationFailed", f"Server failed to authenticate the request: {message}")


def not_found(name: str) -> StorageRefusal:
    """There is no such blob."""
    return StorageRefusal(404, "BlobNotFound", f"The specified blob does not exist: {name}")
