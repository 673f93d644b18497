"""Which drop owns a content: `contents/{dataset}/{sha256}`. The same content under two keys is one dataset version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azureml_drops.ledger import DropEvent, DropRecord, DropStatus, now, read_drop
from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class ContentOwner(Record):
    """The drop that a content belongs to, since when it claimed it last."""

    key: str
    fingerprint: str
    at: datetime


def accepted_content(record: DropRecord | None) -> DropEvent | None:
    """The event that says what the drop holds now: registered, or the content of another; None when neither yet.

    Content that validation refused does not take the place of what was accepted before.
    """
    if record is None:
        return None
    accepted = {DropStatus.REGISTERED, DropStatus.DUPLICATE}
    return next((event for event in reversed(record.events) if event.status in accepted), None)


def content_path(dataset: str, fingerprint: str) -> str:
    """Where the owner is kept."""
    return f"contents/{dataset}/{fingerprint.removeprefix('sha256:')}"


def other_owner(workspace: Workspace, dataset: str, key: str, fingerprint: str) -> str | None:
    """The key of another drop that this content belongs to, None when `key` may have it."""
    found = find_document(workspace, content_path(dataset, fingerprint))
    return None if found is None else _other(workspace, dataset, key, found.content)


def own_content(workspace: Workspace, dataset: str, key: str, fingerprint: str) -> str | None:
    """Make `key` the owner of this content, unless another drop is: then that one's key.

    Of two drops that ask at once, one becomes the owner. An owner that has got other content since owns it no more.
    """
    owner = ContentOwner(key=key, fingerprint=fingerprint, at=now()).to_dict()
    others: list[str] = []

    def change(content: dict[str, Any] | None) -> dict[str, Any] | None:
        others.clear()
        other = None if content is None else _other(workspace, dataset, key, content)
        if other is None:
            return owner
        others.append(other)
        return None

    update_document(workspace, content_path(dataset, fingerprint), change)
    return others[0] if others else None


def _other(workspace: Workspace, dataset: str, key: str, content: dict[str, Any]) -> str | None:
    owner = ContentOwner.from_dict(content)
    if owner.key == key:
        return None
    accepted = accepted_content(read_drop(workspace, dataset, owner.key))
    # What it held before it claimed this one says nothing: it may be about to register this one.
    gave_it_up = accepted is not None and accepted.fingerprint != owner.fingerprint and accepted.at > owner.at
    return None if gave_it_up else owner.key
