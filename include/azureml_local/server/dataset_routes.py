"""Routes of datasets."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from azureml_local.server.dependencies import VersionInPath, VersionInQuery, WorkspaceDependency, parse_tags
from azureml_local.store.uploads import Upload
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.records import DatasetVersion

_WRITE_BYTES = 1024 * 1024

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_RAW_BODY = {
    "requestBody": {
        "required": True,
        "description": "The delimited text, as it is in the file.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/{name}/versions", openapi_extra=_RAW_BODY)
async def register_dataset(
    name: str,
    request: Request,
    workspace: WorkspaceDependency,
    separator: str = ",",
    encoding: str = "utf-8",
    tags: str = "{}",
) -> DatasetVersion:
    """Register the body as the next version, or find the version that holds the same content read the same way."""
    text_format = await run_in_threadpool(TextFormat.checked, separator, encoding)
    parsed_tags = parse_tags(tags)
    with workspace.datasets.upload(name) as upload:
        await _receive(request, upload)
        return await run_in_threadpool(workspace.datasets.register, upload, text_format, parsed_tags)


@router.get("")
def list_datasets(workspace: WorkspaceDependency) -> list[DatasetVersion]:
    """Every dataset version, by name and version."""
    return workspace.datasets.list_all()


@router.get("/{name}")
def get_dataset(name: str, workspace: WorkspaceDependency, version: VersionInQuery = None) -> DatasetVersion:
    """One version, the latest when none is named."""
    return workspace.datasets.get(name, version)


@router.get("/{name}/versions")
def list_versions(name: str, workspace: WorkspaceDependency) -> list[DatasetVersion]:
    """Every version of one dataset, the oldest first."""
    return workspace.datasets.list_all(name)


@router.get("/{name}/versions/{version}/source", response_class=FileResponse)
def get_source(name: str, version: VersionInPath, workspace: WorkspaceDependency) -> FileResponse:
    """The bytes that were registered. Two headers say how they are read, percent-encoded as parts of an address are."""
    path, text_format = workspace.datasets.source(name, version)
    headers = {
        "X-Dataset-Separator": quote(text_format.separator, safe=""),
        "X-Dataset-Encoding": quote(text_format.encoding, safe=""),
    }
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


@router.get("/{name}/versions/{version}/rows")
def take_rows(
    name: str,
    version: VersionInPath,
    workspace: WorkspaceDependency,
    count: Annotated[int, Query(ge=0, le=10_000)] = 10,
) -> list[dict[str, Any]]:
    """The first rows."""
    return workspace.datasets.rows(name, version, count)


@router.get("/{name}/versions/{version}/profile", response_class=FileResponse)
def get_profile(name: str, version: VersionInPath, workspace: WorkspaceDependency) -> FileResponse:
    """What the columns look like."""
    return FileResponse(workspace.datasets.profile_path(name, version), media_type="application/json")


async def _receive(request: Request, upload: Upload) -> None:
    """Write the body as it arrives, a megabyte at a time and never in the event loop's own time."""
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _WRITE_BYTES:
            await run_in_threadpool(upload.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(upload.write, bytes(waiting))
