"""`x-ms-request-id` on every answer: the caller's, or a new one. `x-ms-client-request-id` is echoed."""

from __future__ import annotations

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = b"x-ms-request-id"
CLIENT_REQUEST_ID_HEADER = b"x-ms-client-request-id"

_KEY = "azureml.request_id"
_ECHOED = re.compile(rb"[\x21-\x7e]{1,128}")
"""What is echoed goes into headers, logs and the telemetry; anything else is replaced by an id of ours."""


class RequestIds:
    """ASGI middleware, the outermost one, so that refusals and CORS answers carry the id too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        echoed: dict[bytes, bytes] = {
            name: value
            for name, value in scope["headers"]
            if name in (REQUEST_ID_HEADER, CLIENT_REQUEST_ID_HEADER) and _ECHOED.fullmatch(value)
        }
        if REQUEST_ID_HEADER not in echoed:
            echoed[REQUEST_ID_HEADER] = str(uuid.uuid4()).encode()
        scope[_KEY] = echoed[REQUEST_ID_HEADER].decode()

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *echoed.items()]
            await send(message)

        await self._app(scope, receive, send_with_ids)


def request_id_of(scope: Scope) -> str:
    """The id of the request that `scope` belongs to."""
    request_id: str = scope[_KEY]
    return request_id
