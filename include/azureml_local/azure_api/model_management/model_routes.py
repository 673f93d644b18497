"""Routes of assets and registered models."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.model_management.registry import Entity, ModelRegistry
from azureml_workspace.errors import InvalidRequest

_PAGE = 255


def routes(registry: ModelRegistry) -> list[Route]:
    """`/modelmanagement/assets` and `/modelmanagement/models`."""

    async def create_asset(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(registry.create_asset, await request.json()))

    def read_asset(request: Request) -> Response:
        return JSONResponse(registry.asset(request.path_params["id"]))

    async def register(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(registry.register, await request.json()))

    def read(request: Request) -> Response:
        return JSONResponse(registry.get(request.path_params["id"]))

    def read_all(request: Request) -> Response:
        query = request.query_params
        count, start = _number(query, "count", _PAGE), _number(query, "$skipToken", 0)
        found = registry.find(_filter(query), latest_only=query.get("latestVersionOnly", "").lower() == "true")
        page = list(islice(found, start, start + count + 1))
        token = str(start + count) if len(page) > count else None
        return JSONResponse({"value": page[:count], "continuationToken": token, "nextLink": None})

    async def change(request: Request) -> Response:
        patch = await request.json()
        return JSONResponse(await run_in_threadpool(registry.change, request.path_params["id"], patch))

    def delete(request: Request) -> Response:
        registry.delete(request.path_params["id"])
        return Response(status_code=200)

    return [
        Route("/modelmanagement/assets", create_asset, methods=["POST"]),
        Route("/modelmanagement/assets/{id}", read_asset),
        Route("/modelmanagement/models", read_all),
        Route("/modelmanagement/models", register, methods=["POST"]),
        Route("/modelmanagement/models/{id}", read),
        Route("/modelmanagement/models/{id}", change, methods=["PATCH"]),
        Route("/modelmanagement/models/{id}", delete, methods=["DELETE"]),
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
