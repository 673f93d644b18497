"""The routes of Blob storage. Containers are the first part of a path: clients know of no prefix before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from azureml_local.azure_api.storage.access import check_access
from azureml_local.azure_api.storage.conditions import write_condition
from azureml_local.azure_api.storage.listing import list_blobs
from azureml_local.azure_api.storage.reading import content_response, properties_response
from azureml_local.azure_api.storage.refusals import API_VERSION, StorageRefusal, not_found
from azureml_local.azure_api.storage.service import CONTAINERS
from azureml_local.azure_api.storage.writing import put
from azureml_local.azure_api.surface import Surface
from azureml_workspace.errors import StorageFull

_Handler = Callable[[Request], Awaitable[Response]]


def routes(surface: Surface) -> list[Route]:
    """Every container and what is in it."""
    return [
        route
        for container in CONTAINERS
        for route in (*_container_routes(surface, container), *_blob_routes(surface, container))
    ]


def _container_routes(surface: Surface, container: str) -> list[Route]:
    storage = surface.storage
    headers = {"x-ms-version": API_VERSION}

    async def read(request: Request) -> Response:
        await allowed(request)
        part = request.query_params.get("comp", "")
        if part not in {"", "list"}:
            raise StorageRefusal(400, "FeatureNotSupported", "only a container's list and properties can be read here.")
        if part == "list":
            page = await run_in_threadpool(list_blobs, storage, container, request.query_params)
            return Response(page, headers=headers, media_type="application/xml")
        return Response(headers={**headers, "x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"})

    async def create(request: Request) -> Response:
        await allowed(request)
        raise StorageRefusal(409, "ContainerAlreadyExists", "The specified container already exists.")

    async def allowed(request: Request) -> None:
        await run_in_threadpool(check_access, request, storage.account, surface.issuer, container, None)
        if request.query_params.get("restype") != "container":
            raise StorageRefusal(400, "InvalidQueryParameterValue", "restype=container is missing.")

    return [
        Route(f"/{container}", _answering_refusals(read)),
        Route(f"/{container}", _answering_refusals(create), methods=["PUT"]),
    ]


def _blob_routes(surface: Surface, container: str) -> list[Route]:
    storage = surface.storage

    async def read(request: Request) -> Response:
        name = await allowed(request)
        if request.query_params.get("comp", "") not in {"", "metadata" if request.method == "HEAD" else ""}:
            raise StorageRefusal(400, "FeatureNotSupported", "only a blob's content and properties can be read here.")
        if request.method == "HEAD":
            return await run_in_threadpool(properties_response, request, storage, container, name)
        return await run_in_threadpool(content_response, request, storage, container, name)

    async def write(request: Request) -> Response:
        name = await allowed(request)
        await run_in_threadpool(storage.check_writable, container, name)
        return await put(request, storage.blobs, container, name)

    async def delete(request: Request) -> Response:
        name = await allowed(request)
        await run_in_threadpool(storage.check_writable, container, name)
        if not await run_in_threadpool(storage.blobs.delete, container, name, write_condition(request)):
            raise not_found(name)
        return Response(status_code=202, headers={"x-ms-version": API_VERSION})

    async def allowed(request: Request) -> str:
        name = _blob_name(request)
        await run_in_threadpool(check_access, request, storage.account, surface.issuer, container, name)
        return name

    path = f"/{container}/{{name:path}}"
    return [
        Route(path, _answering_refusals(read)),
        Route(path, _answering_refusals(write), methods=["PUT"]),
        Route(path, _answering_refusals(delete), methods=["DELETE"]),
    ]


def _blob_name(request: Request) -> str:
    """The name as it was sent: `a//b` is another blob than `a/b`."""
    return unquote(request.scope["raw_path"].decode("latin-1").lstrip("/").partition("/")[2])


def _answering_refusals(handler: _Handler) -> _Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except StorageRefusal as refusal:
            return refusal.response()
        except StorageFull as error:
            return StorageRefusal(507, "InsufficientStorage", str(error)).response()

    return answer
