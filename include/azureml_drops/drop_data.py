"""The content of a drop as typed columns, which is what validation looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from azureml_drift.columns import ParquetColumns
from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.rows import label_counts


@dataclass(frozen=True)
class DropData:
    """A drop read into a folder. `labels` are rows per label, None when there are too many to be classes; without a
    label column, empty."""

    columns: ParquetColumns
    profile: DataProfile
    labels: dict[str, int] | None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.profile.rows


def read_drop_data(path: Path, folder: Path, *, separator: str, encoding: str, label: str = "") -> DropData:
    """Read the delimited text at `path` into `folder`, which must exist, as a registration would.

    :raises InvalidRequest: it cannot be read as such; the message says what to do.
    :raises StorageFull: no room for the typed data.
    """
    read = ingest(path, folder, separator=separator, encoding=encoding)
    typed = folder / DATA_FILE
    is_there = any(column.name == label for column in read.columns)
    return DropData(
        columns=ParquetColumns(typed, read.columns),
        profile=read.profile,
        labels=label_counts(typed, label) if is_there else {},
    )
