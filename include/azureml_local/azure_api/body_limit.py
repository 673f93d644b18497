"""How long a body may be. It is read before a route sees it, so that no client can fill memory or disk."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from azureml_local.azure_api.authorization import is_blob, is_open
from azureml_local.azure_api.errors import azure_error
from azureml_local.server.bodies import read_body, replay
from azureml_workspace.errors import InvalidRequest

MOST_BYTES = 16 << 20
"""The longest bodies name the files of a snapshot, or hold a batch of metrics."""
MOST_BYTES_OF_STRANGERS = 64 << 10
"""Of a sign-in, before anybody is known."""


class BodyLimit:
    """Refuses bodies that are too long. Content of blobs is no such body: its route streams it to the disk."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or is_blob(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive, MOST_BYTES_OF_STRANGERS if is_open(scope["path"]) else MOST_BYTES)
        except InvalidRequest as error:
            await azure_error(413, "RequestBodyTooLarge", str(error))(scope, receive, send)
            return
        await self._app(scope, replay(body, receive), send)
