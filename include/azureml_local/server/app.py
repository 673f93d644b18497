"""The control plane as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from azureml_local.server import (
    dataset_routes,
    document_routes,
    errors,
    model_routes,
    pipeline_routes,
    run_routes,
    service_routes,
)
from azureml_local.server.bodies import BodyCheck
from azureml_local.server.dependencies import WorkspaceDependency
from azureml_local.server.instance import program_version
from azureml_local.server.middleware import BearerAuth, RequestLog
from azureml_local.server.workspace import LocalWorkspace

_general = APIRouter(tags=["workspace"])


@dataclass(frozen=True, kw_only=True)
class Health:
    """The server answers."""

    status: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """Which workspace answered, and the address that the links it gives begin with."""

    description: str
    url: str


@_general.get("/health")
async def health() -> Health:
    """Whether the server answers; the one route without a token."""
    return Health(status="ok", version=program_version())


@_general.get("/v1/workspace")
async def describe(workspace: WorkspaceDependency) -> Description:
    """Which workspace answered."""
    return Description(description=workspace.description, url=workspace.base_url)


def create_app(
    workspace: LocalWorkspace,
    token: str,
    on_started: Callable[[], None],
    on_stopping: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The application. It starts the workspace's background work and ends it; the callbacks come in between.

    When the start or `on_started` fails, the error is left in `app.state.start_error`: Uvicorn would only log it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ending:
            try:
                await run_in_threadpool(workspace.start)
                ending.push_async_callback(run_in_threadpool, workspace.close)
                ending.push_async_callback(run_in_threadpool, on_stopping)
                on_started()
            except Exception as error:
                app.state.start_error = error
                raise
            yield

    app = FastAPI(
        title="Local Azure ML",
        version=program_version(),
        lifespan=lifespan,
        # Swagger UI would load its scripts from the internet, and a browser has no token. The document is enough.
        docs_url=None,
        redoc_url=None,
        # A redirect would lead to whatever host the request names.
        redirect_slashes=False,
        # Says in the document that routes want the token. `BearerAuth` checks it, before the body is read.
        dependencies=[Depends(HTTPBearer(auto_error=False, description="the `token` file of the state folder"))],
    )
    app.state.workspace = workspace
    app.include_router(_general)
    for routes in (dataset_routes, run_routes, model_routes, pipeline_routes, service_routes, document_routes):
        app.include_router(routes.router)
    errors.install(app)
    app.add_middleware(BodyCheck)
    app.add_middleware(BearerAuth, token=token)
    app.add_middleware(RequestLog)
    return app
