"""Documents: JSON objects under a path, each replaced only by who has seen what it replaces."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from azureml_local.store.database import Database
from azureml_local.store.schema import DocumentRow
from azureml_workspace.errors import Conflict, NotFound
from azureml_workspace.records import (
    Document,
    DocumentEntry,
    document_content,
    document_text,
    validate_document_path,
)

_AFTER_SLASH = chr(ord("/") + 1)


class DocumentStore:
    """The documents of this workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, path: str) -> Document:
        """:raises NotFound: :raises InvalidRequest: that is no path."""
        validate_document_path(path)
        with self._database.read() as session:
            return _record(_require(session, path))

    def write(
        self, path: str, content: Mapping[str, Any], *, expected: str | None, etag: str | None = None
    ) -> Document:
        """Replace the document whose etag is `expected`; None: make it.

        `etag` is the new one, when the writer chose one: a document that has it already is what this writer wrote, in
        an attempt whose answer was lost.

        :raises Conflict: another one is there. :raises NotFound: there is none to replace.
        :raises InvalidRequest: that is no path, or no content. :raises StorageFull:
        """
        validate_document_path(path)
        text = document_text(path, content).decode()
        with self._database.write() as session:
            row = session.get(DocumentRow, path) if expected is None else _require(session, path)
            if row is not None and row.etag == etag:
                return _record(row)
            _require_etag(path, row, expected)
            if row is None:
                row = DocumentRow(path=path)
                session.add(row)
            # Never used twice, also not for the same content: whoever saw an earlier one has not seen this one.
            row.etag = etag or uuid.uuid4().hex
            row.content = text
            row.updated_at = datetime.now(UTC)
            return _record(row)

    def delete(self, path: str, expected: str) -> None:
        """Remove the document whose etag is `expected`, if there is one. :raises Conflict: another one is there."""
        validate_document_path(path)
        with self._database.write() as session:
            row = session.get(DocumentRow, path)
            if row is not None:
                _require_etag(path, row, expected)
                session.delete(row)

    def entries(self, prefix: str) -> list[DocumentEntry]:
        """Those whose path begins with `prefix/`, by path. :raises InvalidRequest: that is no path."""
        validate_document_path(prefix)
        query = (
            select(DocumentRow.path, DocumentRow.etag, DocumentRow.updated_at)
            .where(DocumentRow.path > f"{prefix}/", DocumentRow.path < f"{prefix}{_AFTER_SLASH}")
            .order_by(DocumentRow.path)
        )
        with self._database.read() as session:
            return [
                DocumentEntry(path=path, etag=etag, updated_at=updated_at)
                for path, etag, updated_at in session.execute(query)
            ]


def _require(session: Session, path: str) -> DocumentRow:
    row = session.get(DocumentRow, path)
    if row is None:
        raise NotFound(f"there is no document {path}.")
    return row


def _require_etag(path: str, row: DocumentRow | None, expected: str | None) -> None:
    """:raises Conflict: what is there is not what the caller has seen."""
    if row is not None and expected is None:
        raise Conflict(f"document {path} exists already (etag {row.etag}); read it, and name its etag to replace it.")
    if row is not None and row.etag != expected:
        raise Conflict(f"document {path} was changed by somebody else (its etag is {row.etag} now); read it again.")


def _record(row: DocumentRow) -> Document:
    content = document_content(row.path, row.content.encode())
    return Document(path=row.path, etag=row.etag, updated_at=row.updated_at, content=content)
