"""Documents of the workspace as records: decisions, champion histories, drops, validations."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_azureml.ui.views.kept import Kept
from azureml_workspace.errors import InvalidRequest, NotFound
from azureml_workspace.records import Record

if TYPE_CHECKING:
    from airflow_azureml.ui.views.reading import Reading
    from azureml_workspace.protocol import Workspace
    from azureml_workspace.records import DocumentEntry

R = TypeVar("R", bound=Record)

MOST_KEPT = 2000

_KEPT: Kept[Record] = Kept(MOST_KEPT)


def documents_below(reading: Reading, prefix: str, kind: type[R], *, most: int) -> list[R]:
    """The documents of that form below `prefix/`, those that were written last first; `most` at most.

    What was read once is not read again until it changes. What does not come in time is left out.
    """
    entries = reading.part(prefix, lambda workspace: workspace.list_documents(prefix)) or []
    newest = sorted(entries, key=lambda entry: entry.updated_at, reverse=True)[:most]
    found = []
    for entry in newest:
        if prefix in reading.missing:
            break
        document = _document(reading, prefix, entry, kind)
        if document is not None:
            found.append(document)
    return found


def document_at(reading: Reading, path: str, kind: type[R]) -> R | None:
    """One document; None when there is none, when it is of another form, or when it does not come in time."""
    return reading.part(path, lambda workspace: _read(workspace, path, kind))


def _document(reading: Reading, prefix: str, entry: DocumentEntry, kind: type[R]) -> R | None:
    key = (reading.source, entry.path, entry.etag)
    kept = _KEPT.get(key)
    if isinstance(kept, kind):
        return kept
    found = reading.part(prefix, lambda workspace: _read(workspace, entry.path, kind))
    if found is not None:
        _KEPT.keep(key, found)
    return found


def _read(workspace: Workspace, path: str, kind: type[R]) -> R | None:
    try:
        return kind.from_dict(workspace.read_document(path).content)
    except (NotFound, InvalidRequest):
        return None
