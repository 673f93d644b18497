"""Routes of documents. The body of a write is the content itself; what it replaces is named in the query."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from azureml_local.server.dependencies import WorkspaceDependency
from azureml_workspace.records import Document, DocumentEntry, document_content

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_CONTENT = {
    "requestBody": {
        "required": True,
        "description": "The whole new content.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.get("")
def list_documents(prefix: str, workspace: WorkspaceDependency) -> list[DocumentEntry]:
    """The documents whose path begins with `prefix/`, without their contents."""
    return workspace.documents.entries(prefix)


@router.get("/{path:path}")
def read_document(path: str, workspace: WorkspaceDependency) -> dict[str, Any]:
    """One document."""
    return workspace.documents.read(path).to_dict()


@router.put("/{path:path}", openapi_extra=_CONTENT)
async def write_document(
    path: str,
    request: Request,
    workspace: WorkspaceDependency,
    expected: str | None = None,
    etag: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
) -> dict[str, Any]:
    """Replace the document whose etag is `expected`; without it, make the document, which must not exist yet.

    A writer that repeats lost requests chooses the new `etag`, a random one that nobody had before: a repeated request
    then finds that it was carried out.
    """
    content = document_content(path, await request.body())
    written: Document = await run_in_threadpool(workspace.documents.write, path, content, expected=expected, etag=etag)
    return written.to_dict()


@router.delete("/{path:path}")
def delete_document(path: str, expected: str, workspace: WorkspaceDependency) -> None:
    """Remove the document whose etag is `expected`; one that is not there is no error."""
    workspace.documents.delete(path, expected)
