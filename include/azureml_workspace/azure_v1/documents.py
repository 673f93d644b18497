"""Documents: blobs of JSON in the default datastore, which replaces one only for who names its etag."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from azureml_workspace.azure_v1.blobs import BlobInfo
from azureml_workspace.azure_v1.connection import AzureConnection
from azureml_workspace.errors import Conflict, InvalidRequest, NotFound, ServiceUnavailable
from azureml_workspace.records import (
    Document,
    DocumentEntry,
    document_content,
    document_text,
    validate_document_path,
)

_FOLDER = "airflow-azureml/documents"
_SUFFIX = ".json"
_WRITE = "written"
"""Metadata of a blob: a word of the call that wrote it, by which the call knows its own work again."""


class DocumentCalls:
    """See `azureml_workspace.protocol.Workspace` for what each method promises."""

    _azure: AzureConnection

    def read_document(self, path: str) -> Document:
        """Read the blob."""
        try:
            text, found = self._azure.blobs.read(_blob(path))
        except NotFound as error:
            raise _missing(path) from error
        try:
            content = document_content(path, text)
        except InvalidRequest as error:
            # Only whole documents are written, so this is half an answer, or somebody else wrote there.
            raise ServiceUnavailable(f"{error} Look at blob {_blob(path)} if that goes on.") from error
        return Document(path=path, etag=found.etag, updated_at=found.modified, content=content)

    def write_document(self, path: str, content: Mapping[str, Any], *, expected: str | None) -> Document:
        """Write the blob, on condition."""
        name, text, word = _blob(path), document_text(path, content), uuid.uuid4().hex
        try:
            written = self._azure.blobs.write(name, text, expected=expected, metadata={_WRITE: word})
        except Conflict:
            written = self._own_write(path, word, expected)
        return Document(path=path, etag=written.etag, updated_at=written.modified, content=document_content(path, text))

    def delete_document(self, path: str, *, expected: str) -> None:
        """Delete the blob, on condition."""
        name = _blob(path)
        try:
            self._azure.blobs.delete(name, expected=expected)
        except NotFound:
            return
        except Conflict as error:
            # To a condition on a blob that is not there Azure says the same.
            if self._look(path) is not None:
                raise _changed(path) from error

    def list_documents(self, prefix: str) -> list[DocumentEntry]:
        """List the blobs of a folder."""
        validate_document_path(prefix)
        found = (_entry(blob) for blob in self._azure.blobs.below(f"{_FOLDER}/{prefix}/"))
        return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.path)

    def _own_write(self, path: str, word: str, expected: str | None) -> BlobInfo:
        """The blob that this very call wrote in an attempt whose answer was lost.

        :raises Conflict: somebody else wrote it. :raises NotFound: there was none to replace.
        """
        found = self._look(path)
        if found is not None and found.metadata.get(_WRITE) == word:
            return found
        if found is None and expected is not None:
            raise _missing(path)
        raise _changed(path)

    def _look(self, path: str) -> BlobInfo | None:
        try:
            return self._azure.blobs.look(_blob(path))
        except NotFound:
            return None


def _blob(path: str) -> str:
    validate_document_path(path)
    return f"{_FOLDER}/{path}{_SUFFIX}"


def _entry(blob: BlobInfo) -> DocumentEntry | None:
    """None for a blob that is no document."""
    path = blob.name.removeprefix(f"{_FOLDER}/").removesuffix(_SUFFIX)
    try:
        if _blob(path) != blob.name:
            return None
    except InvalidRequest:
        return None
    return DocumentEntry(path=path, etag=blob.etag, updated_at=blob.modified)


def _missing(path: str) -> NotFound:
    return NotFound(f"there is no document {path}.")


def _changed(path: str) -> Conflict:
    return Conflict(f"document {path} was made or changed by somebody else; read it again, and name its etag.")
