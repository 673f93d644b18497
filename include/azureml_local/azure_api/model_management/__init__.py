"""Azure's model management service: assets, registered models, web services, and the operations that change those.

`wire` and `service_wire` say how a model and a service look there, `registry` keeps what Azure knows of a model and the
engine has no place for, `deployments` does the same for services; the `routes` modules speak HTTP.
"""

from __future__ import annotations

from starlette.routing import Route

from azureml_local.azure_api.model_management import access_routes, model_routes, service_routes, validation_routes
from azureml_local.azure_api.model_management.deployments import Deployments
from azureml_local.azure_api.model_management.operations import Operations
from azureml_local.azure_api.model_management.registry import ModelRegistry
from azureml_local.azure_api.surface import Surface


def routes(surface: Surface) -> list[Route]:
    """All routes below `/modelmanagement`."""
    registry, operations = ModelRegistry(surface), Operations(surface)
    deployments = Deployments(surface, registry, operations)
    return [
        *model_routes.routes(registry),
        *validation_routes.routes(deployments),
        *service_routes.routes(deployments, operations),
        *access_routes.routes(surface, operations),
    ]
