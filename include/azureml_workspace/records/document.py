"""Small JSON documents that a workspace keeps for its users: decision records, ledgers, leases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import Record
from azureml_workspace.texts import shown

MAX_DOCUMENT_BYTES = 1_000_000
"""Of a document's JSON text."""

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._=-]{0,127}){0,7}")


@dataclass(frozen=True, kw_only=True)
class Document(Record):
    """One document as it was read. `etag` changes with every write and is what the next write names."""

    path: str
    etag: str
    updated_at: datetime
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DocumentEntry(Record):
    """A document in a list."""

    path: str
    etag: str
    updated_at: datetime


def validate_document_path(path: str) -> None:
    """:raises InvalidRequest: it is not 1 to 8 segments of letters, digits, dots, dashes, underscores and `=`."""
    if not _PATH.fullmatch(path):
        raise InvalidRequest(
            f"{shown(path)} cannot be the path of a document: give 1 to 8 segments with slashes between them, each of "
            "letters, digits, dots, dashes, underscores and equal signs, starting with a letter or digit."
        )
