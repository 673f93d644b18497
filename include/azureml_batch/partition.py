"""The answers of a batch as one Parquet file, written row group by row group."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from pyarrow import parquet

from azureml_batch.rows import Chunk
from azureml_workspace.data.values import as_text
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import InvalidRequest

_ROWS_PER_GROUP = 50_000
_OWN = ("row_number", "label", "model_name", "model_version")


class PartitionWriter:
    """Writes `row_number` (from 1), the id columns (text), `label` (text), `probability_CLASS` per class, `model_name`
    and `model_version`.

    With `classes` the answers are lists of probabilities in that order and the label is the most probable class;
    without, they are labels, and there are no probabilities.
    """

    def __init__(
        self, path: Path, *, id_columns: tuple[str, ...], classes: tuple[str, ...], model: tuple[str, int]
    ) -> None:
        """:raises InvalidRequest: two columns would have the same name."""
        self._path = path
        self._classes = classes
        self._model = model
        probabilities = [f"probability_{name}" for name in classes]
        names = [*_OWN, *id_columns, *probabilities]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidRequest(
                f"the output would have the columns {', '.join(twice)} twice; leave them out of id_columns."
            )
        self._schema = pa.schema(
            [
                ("row_number", pa.int64()),
                *((name, pa.string()) for name in id_columns),
                ("label", pa.string()),
                *((name, pa.float64()) for name in probabilities),
                ("model_name", pa.string()),
                ("model_version", pa.int32()),
            ]
        )
        self._waiting: list[Any] = []
        self._writer: Any = None

    def __enter__(self) -> Self:
        with no_room_as_storage_full(self._path.name):
            self._writer = parquet.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with no_room_as_storage_full(self._path.name):
            if kind is None:
                self._flush()
            self._writer.close()

    def add(self, chunk: Chunk, answers: tuple[Any, ...]) -> None:
        """The answers to the rows of a chunk, in their order. :raises StorageFull:"""
        count = len(answers)
        columns = [range(chunk.first, chunk.first + count), *chunk.ids]
        if self._classes:
            columns += [[self._classes[max(range(len(row)), key=row.__getitem__)] for row in answers]]
            columns += [list(column) for column in zip(*answers, strict=True)]
        else:
            columns += [[as_text(answer) for answer in answers]]
        columns += [[self._model[0]] * count, [self._model[1]] * count]
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= _ROWS_PER_GROUP:
            with no_room_as_storage_full(self._path.name):
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []
