"""A workspace in memory whose reads are counted and may fail, and a way to tell it what became of a drop."""

from __future__ import annotations

from tests.unit.gate.memory_workspace import NOW, MemoryWorkspace

from azureml_drops.finding import FoundDrop
from azureml_drops.ledger import DropEvent, DropStatus, note, note_seen, now
from azureml_workspace.errors import WorkspaceError
from azureml_workspace.records import Document, DocumentEntry


class LedgerWorkspace(MemoryWorkspace):
    """`reads` are the paths that were read; `trouble` is raised by every call while it is there."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.trouble: WorkspaceError | None = None

    def read_document(self, path: str) -> Document:
        self._fail()
        self.reads.append(path)
        return super().read_document(path)

    def list_documents(self, prefix: str) -> list[DocumentEntry]:
        self._fail()
        return [
            DocumentEntry(path=path, etag=str(number), updated_at=NOW)
            for path, (number, _) in sorted(self.documents.items())
            if path.startswith(f"{prefix}/")
        ]

    def tell(self, drop: FoundDrop, *statuses: DropStatus, fingerprint: str = "sha256:1") -> None:
        """What happened to the content that is there."""
        for status in statuses:
            note(self, "calls", drop.key, DropEvent(status=status, at=now(), fingerprint=fingerprint))  # type: ignore[arg-type]
        note_seen(self, "calls", drop.key, drop.content_state, fingerprint)  # type: ignore[arg-type]

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble
