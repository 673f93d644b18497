"""Routes of assets and registered models."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from azureml_local.azure_api.bodies import answering, as_object
from azureml_local.azure_api.model_management.registry import Entity, ModelRegistry
from azureml_workspace.errors import InvalidRequest

_PAGE = 255


def routes(registry: ModelRegistry) -> list[Route]:
    """`/modelmanagement/assets` and `/modelmanagement/models`."""

    def create_asset(_: Request, body: Any) -> Entity:
        return registry.create_asset(as_object(body))

    def read_asset(request: Request, _: Any) -> Entity:
        return registry.asset(request.path_params["id"])

    def register(_: Request, body: Any) -> Entity:
        return registry.register(as_object(body))

    def read(request: Request, _: Any) -> Entity:
        return registry.get(request.path_params["id"])

    def read_all(request: Request, _: Any) -> Entity:
        query = request.query_params
        count, start = _number(query, "count", _PAGE), _number(query, "$skipToken", 0)
        found = registry.find(_filter(query), latest_only=query.get("latestVersionOnly", "").lower() == "true")
        page = list(islice(found, start, start + count + 1))
        token = str(start + count) if len(page) > count else None
        return {"value": page[:count], "continuationToken": token, "nextLink": None}

    def change(request: Request, patch: Any) -> Entity:
        return registry.change(request.path_params["id"], patch)

    def delete(request: Request, _: Any) -> Response:
        registry.delete(request.path_params["id"])
        return Response(status_code=200)

    return [
        Route("/modelmanagement/assets", answering(create_asset), methods=["POST"]),
        Route("/modelmanagement/assets/{id}", answering(read_asset)),
        Route("/modelmanagement/models", answering(read_all)),
        Route("/modelmanagement/models", answering(register), methods=["POST"]),
        Route("/modelmanagement/models/{id}", answering(read)),
        Route("/modelmanagement/models/{id}", answering(change), methods=["PATCH"]),
        Route("/modelmanagement/models/{id}", answering(delete), methods=["DELETE"]),
    ]


def has_pairs(entries: dict[str, Any], wanted: str | None) -> bool:
    """Whether `entries` has all of `wanted`: `key=value,key`, as the SDK asks for tags and properties."""
    for pair in (wanted or "").split(","):
        key, given, value = pair.partition("=")
        if key and (key not in entries or (given and str(entries[key]) != value)):
            return False
    return True


def _filter(query: QueryParams) -> Callable[[Entity], bool]:
    fields = {"name": "name", "runId": "runId", "framework": "framework", "description": "description"}
    wanted = {fields[name]: query[name] for name in fields if query.get(name)}

    def keep(entity: Entity) -> bool:
        return (
            all(entity[field] == value for field, value in wanted.items())
            and has_pairs(entity["kvTags"], query.get("tags") or query.get("tag"))
            and has_pairs(entity["properties"], query.get("properties"))
            and (not query.get("datasetId") or query["datasetId"] in [found["id"] for found in entity["datasets"]])
        )

    return keep


def _number(query: QueryParams, name: str, default: int) -> int:
    """:raises InvalidRequest:"""
    text = query.get(name) or str(default)
    if not text.isdecimal():
        raise InvalidRequest(f"{name} is {text!r}; give a whole number.")
    return int(text)
