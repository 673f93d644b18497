"""Routes of web services: create, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
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

    def create(_: Request, body: Any) -> Response:
        return accepted(deployments.create(as_object(body)))

    def read(request: Request, _: Any) -> Entity:
        return deployments.get(request.path_params["name"])

    def read_all(request: Request, _: Any) -> Entity:
        # Without a `nextLink` of whatever value: the SDK would follow it.
        return {"value": deployments.find(_filter(request.query_params))}

    def change(request: Request, patch: Any) -> Response:
        return accepted(deployments.change(request.path_params["name"], patch))

    def delete(request: Request, _: Any) -> Response:
        return Response(status_code=200 if deployments.delete(request.path_params["name"]) else 204)

    return [
        Route(BASE, answering(read_all)),
        Route(BASE, answering(create), methods=["POST"]),
        Route(f"{BASE}/{{name}}", answering(read)),
        Route(f"{BASE}/{{name}}", answering(change), methods=["PATCH"]),
        Route(f"{BASE}/{{name}}", answering(delete), methods=["DELETE"]),
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
