"""What a value of each column may be, in Python: the authority on messages, and the reader of unusual rows.

Usual rows are read by msgspec's typed decoder (`decoder`), a hundred times as fast; a row it refuses comes here, and
is either refused with a message for a person or read after all (a whole float for an integer column).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from azureml_local.features.rows import Value, parse_moment
from azureml_local.features.spec import InputColumn
from azureml_workspace.errors import InvalidRequest

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_EXPECTED = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "a string",
    "datetime": "an ISO 8601 date or datetime as a string",
}


def read_row(columns: Sequence[InputColumn], row: object, number: int) -> tuple[Value, ...]:
    """The values of one decoded JSON row in the order of `columns`; None for a null and for an absent optional column.

    :raises InvalidRequest: the row is refused; names row `number` (from 1) and column, never the value.
    """
    if not isinstance(row, dict):
        raise InvalidRequest(f"row {number}: expected an object {{column: value, ...}}, got {describe(row)}.")
    for column in columns:
        if column.required and column.name not in row:
            raise InvalidRequest(f"row {number}, column {column.name!r}: missing.{_missing_hint(columns, row)}")
    if len(row) > sum(column.name in row for column in columns):
        known = {column.name for column in columns}
        extra = next(name for name in row if name not in known)
        raise InvalidRequest(
            f"row {number}, column {shorten(extra)!r}: not a column of this model. "
            "GET /swagger.json lists the columns it takes."
        )
    return tuple([_read_value(column, row[column.name], number) if column.name in row else None for column in columns])


def describe(value: object) -> str:
    """What a JSON value is, without saying what it holds."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number" if math.isfinite(value) else "NaN, Infinity or a number too large"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def shorten(text: str, most: int = 80) -> str:
    """A client's text, cut for a message, safe to encode."""
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return cut.encode("utf-8", "replace").decode()


def is_moment(text: str) -> bool:
    """Whether `text` is an ISO 8601 date or datetime."""
    try:
        parse_moment(text)
    except (ValueError, OverflowError):
        return False
    return True


def _read_value(column: InputColumn, value: Any, number: int) -> Value:
    if value is None:
        if column.nullable:
            return None
        raise _mistyped(column, "null (no null was seen in training)", number)
    fitting = _fit(column, value)
    if fitting is None:
        raise _mistyped(column, _describe_misfit(column, value), number)
    return fitting


def _fit(column: InputColumn, value: Any) -> Value:
    """`value` as the column's kind, None when it is not of that kind. JSON true and false are no numbers."""
    match column.kind, value:
        case "boolean", bool():
            return value
        case "integer", int() if not isinstance(value, bool) and INT64_MIN <= value <= INT64_MAX:
            return value
        case "integer", float() if value.is_integer() and abs(value) < INT64_MAX:
            return int(value)
        case "number", int() | float() if not isinstance(value, bool):
            return _finite(value)
        case "string", str():
            return value
        case "datetime", str() if is_moment(value):
            return value
    return None


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        return None
    return number if math.isfinite(number) else None


def _describe_misfit(column: InputColumn, value: object) -> str:
    if column.kind == "datetime" and isinstance(value, str):
        return "other text"
    if column.kind == "integer" and isinstance(value, float) and math.isfinite(value):
        return "a number too large" if value.is_integer() else "a number with a fraction"
    if column.kind in ("integer", "number") and isinstance(value, int) and not isinstance(value, bool):
        return "an integer too large"
    return describe(value)


def _mistyped(column: InputColumn, got: str, number: int) -> InvalidRequest:
    return InvalidRequest(f"row {number}, column {column.name!r}: expected {_EXPECTED[column.kind]}, got {got}.")


def _missing_hint(columns: Sequence[InputColumn], row: Mapping[str, object]) -> str:
    lacking = sum(column.required and column.name not in row for column in columns)
    return f" {lacking} required columns are missing in this row." if lacking > 1 else ""
