"""Headers of every answer: nothing from elsewhere, no inline script, no other site's frame, no copy in a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src {images}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
CONTENT_SECURITY_POLICY = _POLICY.format(images="'self'")
SWAGGER_POLICY = _POLICY.format(images="'self' data:")
"""Swagger UI has its icons in its style sheet."""
_SWAGGER = "/services/swagger"

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC_HEADERS = HEADERS | {"Cache-Control": "no-cache"}
"""A style sheet may be kept, and is asked for again each time whether it has changed."""


class SecureHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = STATIC_HEADERS if "/static/" in scope["path"] else HEADERS
        if scope["path"].endswith(_SWAGGER):
            added = added | {"Content-Security-Policy": SWAGGER_POLICY}

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(added)
            await send(message)

        await self._app(scope, receive, complete)
