"""A few rows that are text, as the typed rows that they are in a file whose kinds are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from azureml_workspace.data.kinds import Reading, Unfit, convert, string_array
from azureml_workspace.data.values import Scalar, as_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind, ColumnSchema

_READINGS: dict[ColumnKind, tuple[Reading, ...]] = {
    "integer": (Reading.INTEGER,),
    "number": (Reading.NUMBER,),
    "boolean": (Reading.BOOLEAN,),
    "datetime": (Reading.DATETIME, Reading.DATETIME_WITH_OFFSET),
    "string": (Reading.STRING,),
}


def typed_rows(columns: Sequence[ColumnSchema], rows: Sequence[Mapping[str, str | None]]) -> list[dict[str, Scalar]]:
    """`rows` by column name, None or "" where a field is empty, as `read_rows` gives them.

    :raises InvalidRequest: a column is missing, or holds what its kind cannot be.
    """
    if not rows:
        return []
    typed = {column.name: _typed(column, [row.get(column.name) or "" for row in rows]) for column in columns}
    return [{name: as_json(values[place]) for name, values in typed.items()} for place in range(len(rows))]


def _typed(column: ColumnSchema, texts: list[str]) -> list[Any]:
    strings = string_array(tuple(texts))
    for reading in _READINGS[column.kind]:
        try:
            values: list[Any] = convert(reading, strings).to_pylist()
        except Unfit:
            continue
        return values
    raise InvalidRequest(f"column {column.name!r} was registered as {column.kind}, and holds something else now.")
