"""Routes that say what is wrong with a deployment before it is asked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.model_management.deployments import Deployments
from azureml_local.azure_api.model_management.service_routes import BASE
from azureml_local.azure_api.model_management.service_wire import deploy_settings
from azureml_workspace.errors import WorkspaceError


def routes(deployments: Deployments) -> list[Route]:
    """`/modelmanagement/services/validate`."""

    async def validate(request: Request) -> Response:
        wanted = (await request.json()).get("createRequest")
        if wanted is not None:
            try:
                deploy_settings(wanted).validate()
            except WorkspaceError as error:
                return _refusal(str(error))
        return JSONResponse({})

    def validate_name(request: Request) -> Response:
        name = request.path_params["name"]
        if not deployments.exists(name):
            return JSONResponse({})
        return _refusal(f"there is a web service {name!r} already; update it, or deploy with overwrite=True.")

    async def validate_resource(_: Request) -> Response:
        return JSONResponse({})

    return [
        Route(f"{BASE}/validate", validate, methods=["POST"]),
        Route(f"{BASE}/validate/name/{{name}}", validate_name, methods=["POST"]),
        Route(f"{BASE}/validate/resource", validate_resource, methods=["POST"]),
    ]


def _refusal(message: str) -> Response:
    """The answer is one of 200: the question was answered, and the SDK looks no further otherwise."""
    return JSONResponse({"error": {"code": "BadRequest", "message": message, "details": []}})
