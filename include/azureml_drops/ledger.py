"""What became of each drop: a document per dataset and drop key, `drops/{dataset}/{key}`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record

_MOST_SEEN = 20
"""States that a record keeps: the latest; of an older one a watcher would think that it is new."""


class DropStatus(StrEnum):
    """How far a drop is, or how it ended."""

    MISSING = "missing"  # nothing was under its path
    QUARANTINED = "quarantined"  # validation refused its content
    DUPLICATE = "duplicate"  # the content of another drop, which was registered before
    REGISTERED = "registered"  # a dataset version holds it
    TRAINED = "trained"  # a model was made of it; the gate has not decided
    OLDER = "older"  # its model is of older data than the champion's, so it never came to the gate
    REJECTED = "rejected"  # by the gate or by a person
    PROMOTED = "promoted"  # its model became the champion
    ROLLED_BACK = "rolled_back"  # it did, and failed its smoke test there, or a person went back
    FAILED = "failed"  # neither, and the reason is an error

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to this content by itself."""
        return self not in {DropStatus.MISSING, DropStatus.REGISTERED, DropStatus.TRAINED, DropStatus.FAILED}


@dataclass(frozen=True, kw_only=True)
class DropEvent(Record):
    """One thing that happened to a drop. Fields that do not apply are empty.

    `fingerprint` is of the drop's content. `document` is the path of the report or the decision record behind it.
    `by` names who did it, as `dag_id/run_id`.
    """

    status: DropStatus
    at: datetime
    fingerprint: str = ""
    dataset_version: int | None = None
    replaces: int | None = None
    model_name: str = ""
    model_version: int | None = None
    document: str = ""
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class DropRecord(Record):
    """A drop's whole story, the oldest event first.

    `seen` has the fingerprints of its latest contents by `FoundDrop.content_state`: by it a watcher knows what is there
    without reading it.
    """

    dataset: str
    key: str
    events: tuple[DropEvent, ...] = ()
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> DropEvent:
        """The last event; there is one."""
        return self.events[-1]

    def last_of(self, fingerprint: str) -> DropEvent | None:
        """The last event of that content."""
        return next((event for event in reversed(self.events) if event.fingerprint == fingerprint), None)

    def is_settled(self, content_state: str) -> bool:
        """Whether the content of that state came to an end once."""
        fingerprint = self.seen.get(content_state)
        return any(event.status.is_final and event.fingerprint == fingerprint for event in self.events)


def drop_path(dataset: str, key: str) -> str:
    """Where the record is kept."""
    return f"drops/{dataset}/{key}"


def read_drop(workspace: Workspace, dataset: str, key: str) -> DropRecord | None:
    """The drop's record, None when nothing happened yet."""
    found = find_document(workspace, drop_path(dataset, key))
    return None if found is None else DropRecord.from_dict(found.content)


def note(workspace: Workspace, dataset: str, key: str, event: DropEvent) -> DropRecord:
    """Add an event; the very same one as the last (but for its time) is not added twice."""
    return note_unless(workspace, dataset, key, event, lambda record: replace(record.latest, at=event.at) == event)


def note_unless(
    workspace: Workspace, dataset: str, key: str, event: DropEvent, said: Callable[[DropRecord], bool]
) -> DropRecord:
    """Add an event, unless `said` finds in the record, which has events, that there is no need to."""

    def add(content: dict[str, object] | None) -> dict[str, object] | None:
        record = DropRecord(dataset=dataset, key=key) if content is None else DropRecord.from_dict(content)
        if record.events and said(record):
            return None
        return replace(record, events=(*record.events, event)).to_dict()

    stored = update_document(workspace, drop_path(dataset, key), add)
    if stored is None:
        raise AssertionError("there is an event now, so there is a record")
    return DropRecord.from_dict(stored.content)


def note_seen(workspace: Workspace, dataset: str, key: str, content_state: str, fingerprint: str) -> None:
    """Keep which content a state stands for. A drop of which nothing is noted yet is left alone."""

    def add(content: dict[str, object] | None) -> dict[str, object] | None:
        if content is None:
            return None
        record = DropRecord.from_dict(content)
        if record.seen.get(content_state) == fingerprint:
            return None
        seen = list({**record.seen, content_state: fingerprint}.items())[-_MOST_SEEN:]
        return replace(record, seen=dict(seen)).to_dict()

    update_document(workspace, drop_path(dataset, key), add)


def now() -> datetime:
    """The time of an event."""
    return datetime.now(UTC)
