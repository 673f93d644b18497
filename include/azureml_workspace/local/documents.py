"""The part of the local adapter that is about documents."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import uuid4

from azureml_workspace.local.answers import record
from azureml_workspace.local.client import ControlPlane
from azureml_workspace.records import Document, DocumentEntry, document_text, validate_document_path

_DOCUMENTS = "/v1/documents"


class DocumentCalls:
    """See `azureml_workspace.protocol.Workspace`, section Documents, for what each method promises."""

    _server: ControlPlane

    def read_document(self, path: str) -> Document:
        """Read one document."""
        return record(Document, self._server.json("GET", _document(path)))

    def write_document(self, path: str, content: Mapping[str, Any], *, expected: str | None) -> Document:
        """Make or replace one document, with an etag chosen here, by which a repeated request is known again."""
        route, text = _document(path), document_text(path, content)
        query = {"expected": expected, "etag": uuid4().hex}
        answer = self._server.json("PUT", route, query=query, upload=lambda: BytesIO(text))
        return record(Document, answer)

    def delete_document(self, path: str, *, expected: str) -> None:
        """Remove one document."""
        self._server.call("DELETE", _document(path), query={"expected": expected})

    def list_documents(self, prefix: str) -> list[DocumentEntry]:
        """Read which documents there are."""
        validate_document_path(prefix)
        return [
            record(DocumentEntry, entry) for entry in self._server.json("GET", _DOCUMENTS, query={"prefix": prefix})
        ]


def _document(path: str) -> str:
    validate_document_path(path)  # leaves nothing that would have to be quoted
    return f"{_DOCUMENTS}/{path}"
