"""Routes of a web service's keys and logs, and of the operations on web services."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.model_management.operations import Operations
from azureml_local.azure_api.model_management.service_routes import BASE
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import InvalidRequest

_MOST_LINES = 100_000


def routes(surface: Surface, operations: Operations) -> list[Route]:
    """`/modelmanagement/services/{name}/...` and `/modelmanagement/operations`."""
    services = surface.workspace.services

    def list_keys(request: Request) -> Response:
        keys = services.keys(request.path_params["name"])
        return JSONResponse({"primaryKey": keys.primary, "secondaryKey": keys.secondary})

    async def regenerate_key(request: Request) -> Response:
        name, body = request.path_params["name"], await request.json()
        if body.get("keyType") not in {"Primary", "Secondary"}:
            raise InvalidRequest(f"keyType is {body.get('keyType')!r}; choose Primary or Secondary.")
        secondary = body["keyType"] == "Secondary"
        await run_in_threadpool(services.regenerate_key, name, secondary=secondary, key=body.get("keyValue"))
        operation = operations.begin(name, "RegenerateKeys", done=True)
        return JSONResponse({}, headers={"Operation-Location": operations.location(operation)})

    def read_logs(request: Request) -> Response:
        tail = request.query_params.get("tail", "5000")
        if not tail.isdecimal():
            raise InvalidRequest(f"tail is {tail!r}; give a number of lines.")
        return JSONResponse({"content": services.logs(request.path_params["name"], min(int(tail), _MOST_LINES))})

    def read_operation(request: Request) -> Response:
        return JSONResponse(operations.get(request.path_params["id"]))

    return [
        Route(f"{BASE}/{{name}}/listkeys", list_keys, methods=["POST"]),
        Route(f"{BASE}/{{name}}/regenerateKeys", regenerate_key, methods=["POST"]),
        Route(f"{BASE}/{{name}}/logs", read_logs),
        Route("/modelmanagement/operations/{id}", read_operation),
    ]
