"""Routes of web services: create, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.documents import Document
from azureml_local.azure_api.model_management.deployments import Deployments
from azureml_local.azure_api.model_management.model_routes import has_pairs
from azureml_local.azure_api.model_management.operations import Operations
from azureml_local.azure_api.model_management.service_wire import Entity

BASE = "/modelmanagement/services"


def routes(deployments: Deployments, operations: Operations) -> list[Route]:
    """`/modelmanagement/services`; what takes time is accepted as an operation."""

    def accepted(operation: Document) -> Response:
        return JSONResponse({}, status_code=202, headers={"Operation-Location": operations.location(operation)})

    async def create(request: Request) -> Response:
        return accepted(await run_in_threadpool(deployments.create, await request.json()))

    def read(request: Request) -> Response:
        return JSONResponse(deployments.get(request.path_params["name"]))

    def read_all(request: Request) -> Response:
        # Without a `nextLink` of whatever value: the SDK would follow it.
        return JSONResponse({"value": deployments.find(_filter(request.query_params))})

    async def change(request: Request) -> Response:
        patch = await request.json()
        return accepted(await run_in_threadpool(deployments.change, request.path_params["name"], patch))

    def delete(request: Request) -> Response:
        return Response(status_code=200 if deployments.delete(request.path_params["name"]) else 204)

    return [
        Route(BASE, read_all),
        Route(BASE, create, methods=["POST"]),
        Route(f"{BASE}/{{name}}", read),
        Route(f"{BASE}/{{name}}", change, methods=["PATCH"]),
        Route(f"{BASE}/{{name}}", delete, methods=["DELETE"]),
    ]


def _filter(query: QueryParams) -> Callable[[Entity], bool]:
    def keep(entity: Entity) -> bool:
        names, ids = ([model[field] for model in entity["models"]] for field in ("name", "id"))
        return (
            query.get("computeType", entity["computeType"]).upper() == entity["computeType"]
            and query.get("modelName", names[0]) in names
            and query.get("modelId", ids[0]) in ids
            and has_pairs(entity["kvTags"], query.get("tags"))
            and has_pairs(entity["properties"], query.get("properties"))
        )

    return keep
