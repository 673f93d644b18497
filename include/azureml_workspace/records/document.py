"""Small JSON documents that a workspace keeps for its users: decision records, ledgers, leases."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records.base import Record
from azureml_workspace.texts import require_encodable, shown

MAX_DOCUMENT_BYTES = 1_000_000
"""Of a document's JSON text, as `document_text` writes it."""

_LONGEST_PATH = 900
"""Azure's names of blobs have 1024 characters at most, and the folder of all documents is part of them."""
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._=-]{0,253}[A-Za-z0-9_=-])?"
"""Azure: "No path segments should end with a dot"."""
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}")


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
    if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path):
        raise InvalidRequest(
            f"{shown(path)} cannot be the path of a document: give 1 to 8 segments with slashes between them, each of "
            "letters, digits, dots, dashes, underscores and equal signs, starting with a letter or digit and not "
            f"ending with a dot; {_LONGEST_PATH} characters in all."
        )


def document_text(path: str, content: Mapping[str, Any]) -> bytes:
    """The JSON text that is kept of a content, which reads back as it was given (tuples as lists).

    :raises InvalidRequest: it is no JSON, or longer than `MAX_DOCUMENT_BYTES`; the message names the document.
    """
    place = f"document {path}"
    require_encodable(dict(content), place)
    _require_text_for_names(content, place)
    try:
        text = json.dumps(dict(content), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the content of {place} is no JSON: {error}.") from error
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidRequest(
            f"the content of {place} has {len(text):,} bytes as JSON, {MAX_DOCUMENT_BYTES:,} at most are kept; "
            "divide it into several documents."
        )
    return text


def document_content(path: str, text: bytes) -> dict[str, Any]:
    """What `document_text` wrote. :raises InvalidRequest: something else did; the message names the document."""
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the text of document {path} is no JSON: {error}.") from error
    if not isinstance(content, dict):
        raise InvalidRequest(f"document {path} holds a {type(content).__name__}; a JSON object was expected.")
    return content


def _require_text_for_names(content: Mapping[str, Any], place: str) -> None:
    """`json.dumps` would write other names as text, and another content would be read than was written."""
    waiting: list[Any] = [content]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            wrong = [name for name in found if not isinstance(name, str)]
            if wrong:
                raise InvalidRequest(f"the content of {place} is no JSON: the name {wrong[0]!r} is no text.")
            waiting.extend(found.values())
        elif isinstance(found, list | tuple):
            waiting.extend(found)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
