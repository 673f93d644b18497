"""The surface as one ASGI application."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from azureml_local.azure_api import (
    application_insights,
    artifacts,
    automl,
    compute,
    datastores,
    environments,
    history,
    mlflow,
    model_management,
    pipelines,
    resource_manager,
    run_metrics,
    signin,
    snapshots,
)
from azureml_local.azure_api.authorization import RequireToken
from azureml_local.azure_api.body_limit import BodyLimit
from azureml_local.azure_api.datasets import routes as datasets
from azureml_local.azure_api.errors import on_failure, on_http_error, on_workspace_error
from azureml_local.azure_api.paths import WorkspacePaths
from azureml_local.azure_api.storage import routes as storage
from azureml_local.azure_api.surface import Surface
from azureml_local.server.middleware import RequestLog
from azureml_workspace.errors import WorkspaceError

_SERVICES = (
    signin,
    resource_manager,
    application_insights,
    artifacts,
    automl,
    compute,
    datasets,
    datastores,
    environments,
    history,
    mlflow,
    model_management,
    pipelines,
    run_metrics,
    snapshots,
    storage,
)


def create_app(surface: Surface, *, outermost: Sequence[Middleware] = ()) -> Starlette:
    """All routes of the surface. `outermost` comes before everything else that looks at a request."""
    app = Starlette(
        routes=[route for service in _SERVICES for route in service.routes(surface)],
        middleware=[
            *outermost,
            Middleware(RequestLog, on_failure=on_failure),
            Middleware(WorkspacePaths),
            Middleware(RequireToken, issuer=surface.issuer),
            Middleware(BodyLimit),
        ],
        exception_handlers={WorkspaceError: on_workspace_error, HTTPException: on_http_error},
    )
    app.router.redirect_slashes = False  # a redirect would lead to whatever host the request names
    return app
