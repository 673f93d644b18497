"""Who may ask: an access token on every route but the few that lead to one."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from azureml_local.azure_api.errors import azure_error
from azureml_local.azure_api.storage.service import CONTAINERS
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_workspace.errors import Unauthorized

OPEN_PREFIXES = ("/metadata/endpoints", "/discovery", "/signin/")
"""The description of the cloud and its services, and the sign-in."""


class RequireToken:
    """Lets a request in only with a good access token, before anything of it is read."""

    def __init__(self, app: ASGIApp, issuer: TokenIssuer) -> None:
        self._app = app
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not (is_open(scope["path"]) or is_blob(scope["path"])):
            try:
                self._issuer.check(_bearer_token(Headers(scope=scope).get("authorization", "")))
            except Unauthorized as error:
                await azure_error(401, "AuthenticationFailed", str(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether anybody may ask for it."""
    return path.startswith(OPEN_PREFIXES)


def is_blob(path: str) -> bool:
    """Whether it is in Blob storage: there, as on Azure, each request has a key or a signature, which routes check."""
    return path.lstrip("/").partition("/")[0] in CONTAINERS


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("no bearer token was sent.")
    return token.strip()
