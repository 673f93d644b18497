"""Around every request: its id, the bearer token, one line in the log, and a plain answer when something breaks."""

from __future__ import annotations

import hmac
import logging
import re
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from azureml_local.server.errors import error_response, internal_error
from azureml_workspace.errors import Unauthorized

logger = logging.getLogger(__name__)

REQUEST_ID = "x-ms-request-id"
OPEN_PATHS = frozenset({"/health"})
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestLog:
    """Gives every request an id (the caller's, when it sent one) and logs it.

    Only method, path, status and time are logged: headers and queries may hold what is nobody's business.
    """

    def __init__(self, app: ASGIApp, on_failure: Callable[[str], Response] = internal_error) -> None:
        """`on_failure`: the answer to a request, of this id, that failed through a fault of ours."""
        self._app = app
        self._on_failure = on_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        started = time.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.info("%s %s: the client went away (%s)", scope["method"], scope["path"], request_id)
            return
        except Exception:
            logger.exception("%s %s failed (%s)", scope["method"], scope["path"], request_id)
            if status:  # too late for another answer; the server cuts the connection
                raise
            await self._on_failure(request_id)(scope, receive, send_with_id)
        milliseconds = (time.monotonic() - started) * 1000
        # Somebody polling for progress would fill the log with what went well.
        level = logging.DEBUG if scope["method"] == "GET" and status < 400 else logging.INFO
        logger.log(level, "%s %s %d %.0f ms %s", scope["method"], scope["path"], status, milliseconds, request_id)


class BearerAuth:
    """Lets a request in only with the token, before anything of it is read. Health alone needs none."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            refusal = self._refusal(Headers(scope=scope).get("authorization", ""))
            if refusal:
                await error_response(Unauthorized(refusal))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, header: str) -> str:
        scheme, _, given = header.partition(" ")
        if not header:
            return "no bearer token was sent (header `Authorization: Bearer TOKEN`)."
        if scheme.lower() != "bearer":
            return "the Authorization header is not a bearer token (`Authorization: Bearer TOKEN`)."
        if not hmac.compare_digest(given.strip().encode(), self._token):
            return "the bearer token is not the one of this server."
        return ""
