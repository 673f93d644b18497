"""Column kinds: which one fits the text of a column, and the typed values it then has.

The rules, in the order in which a kind is tried:

* `integer`: decimal digits with an optional minus. Digits with a leading zero ("007", "02134"), 19 and
  more of them, or hexadecimal are identifiers: the column is `string`, so that nothing of them is lost.
* `number`: decimal fractions and exponents. An infinity ("inf", "1e400") becomes null and is counted, because no
  model and no JSON can hold it.
* `boolean`: true/false, True/False, TRUE/FALSE.
* `datetime`: ISO 8601 only ("2026-11-21", "2026-11-21 08:30:00", "...T08:30:00+01:00"); never guessed from d/m/y.
  Stored without a zone; a value with an offset is converted to UTC.
* `string`: everything else, kept to the letter.

Nulls: an empty field and `EVERYWHERE` are null in any column. `NOT_AMONG_WORDS` are null only where the other values
are numbers, booleans or datetimes: among words, "NA" (Namibia) or "None" (no garage) is a level like another. Words
such as "unknown" are always levels.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from azureml_workspace.records import ColumnKind

EVERYWHERE = ("", "NaN", "nan", "null", "NULL", "Null", "<NA>", "#N/A")
NOT_AMONG_WORDS = ("NA", "N/A", "n/a", "na", "None", "none", "NONE", "NAN", "?")


def string_array(values: tuple[str, ...]) -> Any:
    """Strings as an Arrow array."""
    # pa.array (and pa.scalar) would do, but they import pandas: 0.5 s and 50 MB that nothing here needs.
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


_NULL_ANYWHERE = string_array(EVERYWHERE)
_NULL_WHEN_TYPED = string_array(EVERYWHERE + NOT_AMONG_WORDS)
_TRUE = string_array(("true", "True", "TRUE"))
_FALSE = string_array(("false", "False", "FALSE"))
_NO_STRING, _NO_NUMBER, _NO_BOOLEAN = (pa.nulls(1, kind)[0] for kind in (pa.string(), pa.float64(), pa.bool_()))
_PROBE_ROWS = 64
_IDENTIFIER = r"^\s*[+-]?(0[0-9]+|0[xX][0-9a-fA-F]+|[0-9]{19,})\s*$"
_DAY_MICROSECONDS = 86_400_000_000
# Microseconds since 1970 of what Python's datetime holds: years 1 to 9999.
_FIRST_MOMENT = -719_162 * _DAY_MICROSECONDS
_LAST_MOMENT = 2_932_897 * _DAY_MICROSECONDS - 1


class Reading(Enum):
    """How the text of a column is read; datetimes with and without an offset are read differently."""

    EMPTY = "empty"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    DATETIME_WITH_OFFSET = "datetime with offset"
    STRING = "string"

    @property
    def kind(self) -> ColumnKind:
        """The column kind; a column of nulls alone is a nullable string column."""
        return _KINDS[self]

    @property
    def arrow_type(self) -> Any:
        """The type of the parquet column."""
        return _ARROW_TYPES[self.kind]


_KINDS: dict[Reading, ColumnKind] = {
    Reading.EMPTY: "string",
    Reading.INTEGER: "integer",
    Reading.NUMBER: "number",
    Reading.BOOLEAN: "boolean",
    Reading.DATETIME: "datetime",
    Reading.DATETIME_WITH_OFFSET: "datetime",
    Reading.STRING: "string",
}
_ARROW_TYPES: dict[ColumnKind, Any] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us"),
    "string": pa.string(),
}


class Unfit(Exception):
    """The text of a column cannot be read this way."""


def narrow(so_far: Reading, values: Any) -> Reading:
    """The reading that fits `values` (strings, a further part of the column) and everything before them."""
    if so_far is Reading.STRING:
        return so_far
    if so_far in {Reading.EMPTY, Reading.INTEGER, Reading.NUMBER} and _holds_identifiers(values):
        return Reading.STRING
    probe = values.slice(0, _PROBE_ROWS)
    for reading in _CANDIDATES[so_far]:
        try:
            convert(reading, probe)  # Arrow words an error for every value it cannot cast: seconds, where all are words
            typed = convert(reading, values)
        except Unfit:
            continue
        # A part of nulls alone says nothing yet. Infinities are null too, yet they do say "number".
        only_nulls = typed.null_count == len(typed) and reading is not Reading.NUMBER
        return so_far if only_nulls else reading
    return Reading.STRING


_CANDIDATES: dict[Reading, tuple[Reading, ...]] = {
    Reading.EMPTY: (
        Reading.INTEGER,
        Reading.NUMBER,
        Reading.BOOLEAN,
        Reading.DATETIME,
        Reading.DATETIME_WITH_OFFSET,
    ),
    Reading.INTEGER: (Reading.INTEGER, Reading.NUMBER),
    Reading.NUMBER: (Reading.NUMBER,),
    Reading.BOOLEAN: (Reading.BOOLEAN,),
    Reading.DATETIME: (Reading.DATETIME,),
    Reading.DATETIME_WITH_OFFSET: (Reading.DATETIME_WITH_OFFSET,),
}


def convert(reading: Reading, values: Any) -> Any:
    """`values` (strings) as an array of `reading.arrow_type`. :raises Unfit:"""
    if reading is Reading.EMPTY:
        return pa.nulls(len(values), pa.string())
    if reading is Reading.STRING:
        return _without(values, _NULL_ANYWHERE)
    cast = _CASTS[reading]
    try:
        return cast(_without(values, _NULL_WHEN_TYPED))
    except pa.ArrowInvalid:  # values with blanks around them are rare, and trimming all of them is not free
        pass
    try:
        return cast(_without(pc.utf8_trim_whitespace(values), _NULL_WHEN_TYPED))
    except pa.ArrowInvalid as error:
        raise Unfit from error


def count_infinities(values: Any) -> int:
    """How many of the strings read as `number` are infinite."""
    number = pc.cast(_without(pc.utf8_trim_whitespace(values), _NULL_WHEN_TYPED), pa.float64())
    return int(pc.sum(pc.is_inf(number)).as_py() or 0)


def _without(values: Any, nulls: Any) -> Any:
    is_null = pc.is_in(values, value_set=nulls)
    return pc.if_else(is_null, _NO_STRING, values) if pc.any(is_null).as_py() else values


def _holds_identifiers(values: Any) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, _IDENTIFIER)).as_py())


def _to_integer(values: Any) -> Any:
    return pc.cast(values, pa.int64())


def _to_number(values: Any) -> Any:
    numbers = pc.cast(values, pa.float64())
    finite = pc.is_finite(numbers)
    return numbers if pc.all(finite).as_py() else pc.if_else(finite, numbers, _NO_NUMBER)


def _to_boolean(values: Any) -> Any:
    true, false = pc.is_in(values, value_set=_TRUE), pc.is_in(values, value_set=_FALSE)
    known = pc.or_(pc.or_(true, false), pc.is_null(values))
    if not pc.all(known).as_py():
        raise pa.ArrowInvalid("not a boolean")
    return pc.if_else(pc.is_null(values), _NO_BOOLEAN, true)


def _to_datetime(values: Any) -> Any:
    return _in_range(_to_moments(values, None))


def _to_datetime_from_offset(values: Any) -> Any:
    return _in_range(pc.cast(_to_moments(values, "UTC"), pa.timestamp("us")))


def _to_moments(values: Any, zone: str | None) -> Any:
    try:
        return pc.cast(values, pa.timestamp("us", zone))
    except pa.ArrowInvalid:  # seven to nine digits of a second, as .NET and Java write them
        return pc.cast(pc.cast(values, pa.timestamp("ns", zone)), pa.timestamp("us", zone), safe=False)


def _in_range(moments: Any) -> Any:
    limits = pc.min_max(pc.cast(moments, pa.int64()))
    first, last = limits["min"].as_py(), limits["max"].as_py()
    if first is not None and (first < _FIRST_MOMENT or last > _LAST_MOMENT):
        raise pa.ArrowInvalid("outside the years 1 to 9999")
    return moments


_CASTS: dict[Reading, Callable[[Any], Any]] = {
    Reading.INTEGER: _to_integer,
    Reading.NUMBER: _to_number,
    Reading.BOOLEAN: _to_boolean,
    Reading.DATETIME: _to_datetime,
    Reading.DATETIME_WITH_OFFSET: _to_datetime_from_offset,
}
