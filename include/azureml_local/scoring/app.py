"""The routes of a web service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from azureml_local.scoring.endpoint import ScoreEndpoint
from azureml_local.scoring.refusals import Refusal, no_such_route, wrong_method
from azureml_local.scoring.request_ids import RequestIds
from azureml_local.scoring.serving import Serving

_SWAGGER_VERSION = "2"

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(serving: Serving, endpoint: ScoreEndpoint, lifespan: Lifespan) -> ASGIApp:
    """The application. CORS is open: a key, which no browser sends by itself, authorises, and not a cookie."""

    async def health(_: Request) -> Response:
        return PlainTextResponse("Healthy")

    async def swagger(request: Request) -> Response:
        version = request.query_params.get("version", _SWAGGER_VERSION)
        if version != _SWAGGER_VERSION:
            refusal = Refusal(400, "InvalidRequest", f"version {version[:20]!r} is not supported: version=2 is.")
            return _response(refusal)
        return Response(serving.swagger, media_type="application/json")

    app = Starlette(
        routes=[Route("/score", endpoint), Route("/", health), Route("/swagger.json", swagger)],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["x-ms-request-id", "x-ms-client-request-id"],
            )
        ],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return RequestIds(app)


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return _response(wrong_method(request.method, request.url.path, "GET, HEAD"))
    return _response(no_such_route(request.url.path))


def _response(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, dict(refusal.headers), "application/json")
