"""The content of a drop as typed columns, which is what validation looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from azureml_drift.columns import ParquetColumns
from azureml_workspace.data.ingestion import DATA_FILE, ingest
from azureml_workspace.data.kinds import string_array
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.rows import label_counts


@dataclass(frozen=True)
class DropData:
    """A drop read into a folder. `labels` are rows per label, None when there are too many to be classes; without a
    label column, empty. `header_rows` repeat the header, as rows do where files were put one after the other."""

    columns: ParquetColumns
    profile: DataProfile
    labels: dict[str, int] | None
    header_rows: int = 0

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
    columns = ParquetColumns(typed, read.columns)
    return DropData(
        columns=columns,
        profile=read.profile,
        labels=label_counts(typed, label) if is_there else {},
        header_rows=_header_rows(columns),
    )


def _header_rows(columns: ParquetColumns) -> int:
    if any(column.kind != "string" for column in columns.columns):
        return 0  # such a row would have made words of every column
    repeats = None
    for column in columns.columns:
        texts = pc.utf8_trim_whitespace(columns.read(column.name))
        here = pc.is_in(texts, value_set=string_array((column.name,)))
        repeats = here if repeats is None else pc.and_(repeats, here)
        if not pc.any(repeats).as_py():
            return 0
    return int(pc.sum(repeats).as_py())
