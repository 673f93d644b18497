"""Routes that say what is wrong with a deployment before it is asked for."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.model_management.deployments import Deployments
from azureml_local.azure_api.model_management.service_routes import BASE
from azureml_local.azure_api.model_management.service_wire import Entity, deploy_settings
from azureml_workspace.errors import WorkspaceError


def routes(deployments: Deployments) -> list[Route]:
    """`/modelmanagement/services/validate`."""

    def validate(_: Request, body: Any) -> Entity:
        wanted = as_object(body).get("createRequest")
        if wanted is not None:
            try:
                deploy_settings(as_object(wanted)).validate()
            except WorkspaceError as error:
                return _refusal(str(error))
        return {}

    def validate_name(request: Request, _: Any) -> Entity:
        name = request.path_params["name"]
        if not deployments.exists(name):
            return {}
        return _refusal(f"there is a web service {name!r} already; update it, or deploy with overwrite=True.")

    def validate_resource(_: Request, __: Any) -> Entity:
        return {}

    return [
        Route(f"{BASE}/validate", answering(validate), methods=["POST"]),
        Route(f"{BASE}/validate/name/{{name}}", answering(validate_name), methods=["POST"]),
        Route(f"{BASE}/validate/resource", answering(validate_resource), methods=["POST"]),
    ]


def _refusal(message: str) -> Entity:
    """The answer is one of 200: the question was answered, and the SDK looks no further otherwise."""
    return {"error": {"code": "BadRequest", "message": message, "details": []}}
