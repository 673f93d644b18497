"""What every body is held to before a route sees it: a size, and text that can be written down again."""

from __future__ import annotations

import json
import re

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from azureml_local.server.errors import error_response
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import require_encodable

LONGEST_BODY = 1024 * 1024
"""Bytes. Names, tags and settings are small; data has a route of its own."""
_UPLOADS = re.compile(r"/v1/datasets/[^/]+/versions")


class BodyCheck:
    """Reads the body of every request but uploads, whose route streams it, and refuses what no route can take."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or _UPLOADS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive, LONGEST_BODY)
            _check(body)
        except InvalidRequest as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, replay(body, receive), send)


async def read_body(receive: Receive, most: int) -> bytes:
    """The whole body. One that is too long is read to its end all the same: only then does its sender listen.

    :raises InvalidRequest: it has more than `most` bytes.
    """
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size += len(message.get("body", b""))
        if size <= most:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    if size > most:
        raise InvalidRequest(f"the body is longer than {most:,} bytes; what this server takes is far smaller.")
    return bytes(body)


def _check(body: bytes) -> None:
    try:
        content = json.loads(body) if body else None
    except (ValueError, RecursionError):  # the route says what is wrong with it
        return
    require_encodable(content, "the body")


def replay(body: bytes, receive: Receive) -> Receive:
    """What gives the body that was read to whoever reads it next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
