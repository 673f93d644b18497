"""Typed columns of a set of rows, read one at a time: of a parquet file, or of a few rows in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import parquet

from azureml_workspace.data.kinds import Reading, Unfit, convert, string_array
from azureml_workspace.data.values import as_text
from azureml_workspace.records import ColumnKind, ColumnSchema

_READINGS: dict[ColumnKind, tuple[Reading, ...]] = {
    "integer": (Reading.INTEGER, Reading.NUMBER),
    "number": (Reading.NUMBER,),
    "boolean": (Reading.BOOLEAN,),
    "datetime": (Reading.DATETIME, Reading.DATETIME_WITH_OFFSET),
    "string": (),
}


class TypedColumns(Protocol):
    """Rows whose columns have kinds. `rows` counts them."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def columns(self) -> tuple[ColumnSchema, ...]:
        """Names and kinds, in order."""
        ...

    def read(self, name: str) -> Any:
        """The values of a column as an Arrow `ChunkedArray` of the type that its kind has."""
        ...


class ParquetColumns:
    """The columns of a parquet file that `azureml_workspace.data.ingestion.ingest` wrote.

    The file stays open: what is said of its columns at its end takes longer to read than a column does.
    """

    def __init__(self, path: Path, columns: Sequence[ColumnSchema]) -> None:
        self._file = parquet.ParquetFile(path)
        self.columns = tuple(columns)
        self.rows = int(self._file.metadata.num_rows)

    def read(self, name: str) -> Any:
        """One column, from the disk."""
        return self._file.read(columns=[name], use_threads=False).column(0)


class RowColumns:
    """The columns of rows that are JSON objects, such as those that clients sent to a web service.

    `columns` gives the kinds. A field that a row lacks is null. A value that cannot be of its column's kind makes the
    whole column `string` (of an integer column, `number` where that will do), so that the difference shows.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[ColumnSchema]) -> None:
        self.rows = len(rows)
        typed = {column.name: _typed(column, [_text(row.get(column.name)) for row in rows]) for column in columns}
        self.columns = tuple(
            ColumnSchema(name=name, kind=reading.kind, nullable=values.null_count > 0)
            for name, (reading, values) in typed.items()
        )
        self._values = {name: pa.chunked_array([values]) for name, (_, values) in typed.items()}

    def read(self, name: str) -> Any:
        """One column."""
        return self._values[name]


def _text(value: Any) -> str:
    return "" if value is None else as_text(value)


def _typed(column: ColumnSchema, texts: list[str]) -> tuple[Reading, Any]:
    strings = string_array(tuple(texts))
    for reading in _READINGS[column.kind]:
        try:
            return reading, convert(reading, strings)
        except Unfit:
            continue
    return Reading.STRING, convert(Reading.STRING, strings)
