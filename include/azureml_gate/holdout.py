"""The rows that decide: a holdout dataset version, fetched and read."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from azureml_workspace.data.header import read_header
from azureml_workspace.data.kinds import EVERYWHERE, NOT_AMONG_WORDS, string_array
from azureml_workspace.data.records import LARGEST_BLOCK, RecordTooLong, read_batches, too_long
from azureml_workspace.data.text import check_text
from azureml_workspace.data.text_rows import typed_rows
from azureml_workspace.data.values import as_text
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.protocol import Workspace
from azureml_workspace.records import ColumnKind, ColumnSchema, DatasetFile


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """Labelled rows. `columns` are their texts by column, as they stand in the file, without the label.

    `labels` [rows] are the true labels, written as `label_text` does. `kinds` are those of the dataset's columns,
    without the label. `total` counts all rows of the dataset version. `tags` are the version's.
    """

    columns: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...]
    kinds: Mapping[str, ColumnKind]
    total: int
    tags: Mapping[str, str]


def read_holdout(workspace: Workspace, name: str, version: int, *, label: str, most: int, seed: int) -> Holdout:
    """The labelled rows of the version; a random part, the same for the same seed, when there are more than `most`.

    :raises NotFound: no such version. :raises InvalidRequest: it has no such label column.
    """
    dataset = workspace.get_dataset(name, version)
    schema = {column.name: column for column in dataset.columns}
    if label not in schema:
        raise InvalidRequest(
            f"label is {label!r}, and dataset {name} version {version} has the columns "
            f"{', '.join(list(schema)[:20])}; name the one to predict."
        )
    with tempfile.TemporaryDirectory(prefix="azureml-gate-") as folder:
        table = _read(workspace.download_dataset(name, version, Path(folder)))
    kept = table.take(_part(table.column(label), schema[label].kind, most, seed))
    texts = {column: tuple(kept.column(column).to_pylist()) for column in table.column_names}
    return Holdout(
        labels=_label_texts(schema[label], texts.pop(label)),
        columns=texts,
        kinds={column.name: column.kind for column in dataset.columns if column.name != label},
        total=table.num_rows,
        tags=dataset.tags,
    )


def label_text(value: object) -> str:
    """A label as text, the same for every way of writing it: 1 and 1.0 are "1", true is "true"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return as_text(value) if isinstance(value, bool | int | float) else str(value)


def _read(file: DatasetFile) -> Any:
    """The file as an Arrow table of strings."""
    text = check_text(Path(file.path), file.encoding)
    header = read_header(text, file.separator)
    schema = pa.schema([(name, pa.string()) for name in header.names])
    try:
        return pa.Table.from_batches(list(read_batches(text, header, file.separator, LARGEST_BLOCK)), schema=schema)
    except RecordTooLong:
        raise too_long(text) from None


def _part(labels: Any, kind: ColumnKind, most: int, seed: int) -> list[int]:
    """The places of at most as many rows that have a label, in their order."""
    import pyarrow.compute as pc

    nulls = string_array(EVERYWHERE if kind == "string" else EVERYWHERE + NOT_AMONG_WORDS)
    labelled = np.flatnonzero(~pc.is_in(labels, value_set=nulls).to_numpy(zero_copy_only=False))
    if len(labelled) > most:
        labelled = np.sort(np.random.default_rng(seed).choice(labelled, most, replace=False))
    places: list[int] = labelled.tolist()
    return places


def _label_texts(column: ColumnSchema, texts: tuple[str, ...]) -> tuple[str, ...]:
    typed = typed_rows((column,), [{column.name: text} for text in texts])
    return tuple(label_text(row[column.name]) for row in typed)
