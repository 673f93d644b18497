"""What became of a batch: the document `batches/{service}/{key}`, written when its partition is in place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azureml_workspace.documents import find_document, update_document
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class BatchManifest(Record):
    """One scored batch. `fingerprint` is of the input, `output` is where the partition is.

    `restarts` counts how often scoring began anew because the service had taken another model meanwhile.
    `by` is `dag_id/run_id`.
    """

    service: str
    key: str
    source: str
    fingerprint: str
    model_name: str
    model_version: int
    rows: int
    output: str
    output_bytes: int
    id_columns: tuple[str, ...]
    classes: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    restarts: int = 0
    by: str = ""

    def is_of(self, *, fingerprint: str, output: str, id_columns: tuple[str, ...]) -> bool:
        """Whether it is about that input, written there, with those columns."""
        return (self.fingerprint, self.output, self.id_columns) == (fingerprint, output, id_columns)


def batch_path(service: str, key: str) -> str:
    """Where the manifest is kept."""
    return f"batches/{service}/{key}"


def read_manifest(workspace: Workspace, service: str, key: str) -> BatchManifest | None:
    """The manifest, None when the batch was not scored yet."""
    found = find_document(workspace, batch_path(service, key))
    return None if found is None else BatchManifest.from_dict(found.content)


def write_manifest(workspace: Workspace, manifest: BatchManifest) -> None:
    """Keep it in place of an earlier one of the same batch."""
    update_document(workspace, batch_path(manifest.service, manifest.key), lambda _: manifest.to_dict())
