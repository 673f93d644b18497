"""Routes of a web service's keys and logs, and of the operations on web services."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.operations import Operations
from azureml_local.azure_api.model_management.service_routes import BASE
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest

_MOST_LINES = 100_000


def routes(surface: Surface, operations: Operations) -> list[Route]:
    """`/modelmanagement/services/{name}/...` and `/modelmanagement/operations`."""
    services = surface.workspace.services

    def list_keys(request: Request, _: Any) -> dict[str, str]:
        keys = services.keys(request.path_params["name"])
        return {"primaryKey": keys.primary, "secondaryKey": keys.secondary}

    def regenerate_key(request: Request, body: Any) -> Response:
        name, kind, key = request.path_params["name"], as_object(body).get("keyType"), body.get("keyValue")
        if kind not in {"Primary", "Secondary"}:
            raise InvalidRequest(f"keyType is {kind!r}; choose Primary or Secondary.")
        services.regenerate_key(name, secondary=kind == "Secondary", key=None if key is None else str(key))
        operation = operations.begin(name, "RegenerateKeys", done=True)
        return JSONResponse({}, headers={"Operation-Location": operations.location(operation)})

    def read_logs(request: Request, _: Any) -> dict[str, str]:
        tail = request.query_params.get("tail", "5000")
        if not tail.isdecimal():
            raise InvalidRequest(f"tail is {tail!r}; give a number of lines.")
        return {"content": services.logs(request.path_params["name"], min(int(tail), _MOST_LINES))}

    def read_operation(request: Request, _: Any) -> Document:
        return operations.get(request.path_params["id"])

    return [
        Route(f"{BASE}/{{name}}/listkeys", answering(list_keys), methods=["POST"]),
        Route(f"{BASE}/{{name}}/regenerateKeys", answering(regenerate_key), methods=["POST"]),
        Route(f"{BASE}/{{name}}/logs", answering(read_logs)),
        Route("/modelmanagement/operations/{id}", answering(read_operation)),
    ]
