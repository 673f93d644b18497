"""The body of `POST /score` to rows of values: JSON parsing and validation in one pass.

The envelope is read first and its rows are left as raw JSON. So the number of rows is known before any is read, the
number of a bad row is known without parsing messages, and a long batch gives the interpreter lock away between rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from azureml_local.features.rows import Value
from azureml_local.features.spec import InputColumn, ModelSignature
from azureml_local.scoring.columns import INT64_MAX, INT64_MIN, describe, is_moment, read_row, shorten
from azureml_workspace.errors import InvalidRequest

MAX_ROWS = 10_000

Method = Literal["predict", "predict_proba"]

_EXPECTED_BODY = 'expected {"data": [{column: value, ...}, ...]}'

_TYPES: dict[str, Any] = {
    "integer": Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)],
    "number": float,
    "boolean": bool,
    "string": str,
    "datetime": str,
}

_STRUCT_COLUMNS = 256
"""msgspec looks a struct's fields up one after the other: a row of thousands of columns in another order than ours
takes milliseconds. Wider rows are read as dictionaries."""

_NOT_A_FIELD_NAME = re.compile(r'[\\"\x00-\x1f]')
_ERROR_BYTE = re.compile(r"\(byte (\d+)\)")
_COLUMN_BEFORE = re.compile(rb'("(?:[^"\\]|\\.)*")\s*:\s*-?$')
_NOT_FINITE = (b"NaN", b"Infinity")


class Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A request before its rows are read. `method` is that of Azure's scoring script."""

    data: list[msgspec.Raw]
    method: Method = "predict"


@dataclass(frozen=True, kw_only=True)
class RequestDecoder:
    """The decoder of one model, made once. Safe to share between threads."""

    columns: tuple[InputColumn, ...]
    _read_fast: Callable[[msgspec.Raw], tuple[Value, ...]]

    @classmethod
    def of(cls, signature: ModelSignature) -> RequestDecoder:
        """:raises InvalidRequest: the signature has no column, or one twice."""
        names = [column.name for column in signature.inputs]
        if not names:
            raise InvalidRequest("signature.json has no input columns.")
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise InvalidRequest(f"signature.json has the column {twice!r} twice.")
        return cls(columns=signature.inputs, _read_fast=_fast_reader(signature.inputs))

    def read_rows(self, rows: Sequence[msgspec.Raw]) -> list[tuple[Value, ...]]:
        """Every row's values in the order of the signature, None for a null and for an absent optional column.

        :raises InvalidRequest: a row is refused; the message names row (from 1) and column, never a value.
        """
        read = self._read_fast
        values = []
        for number, raw in enumerate(rows, 1):
            try:
                values.append(read(raw))
            except _REFUSALS:
                values.append(self._read_again(raw, number))
        return values

    def _read_again(self, raw: msgspec.Raw, number: int) -> tuple[Value, ...]:
        try:
            row = json.loads(bytes(raw))
        except UnicodeDecodeError:
            raise InvalidRequest(f"row {number}: not UTF-8 text.") from None
        except RecursionError:
            raise InvalidRequest(f"row {number}: nested too deeply.") from None
        except ValueError:  # the envelope was JSON, so this is an integer beyond Python's 4,300 digits
            raise InvalidRequest(f"row {number}: holds an integer too large.") from None
        return read_row(self.columns, row, number)


class _Refused(Exception):
    """A fast reader's way to hand a row to the slow one."""


_SYNTAX_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_REFUSALS = (*_SYNTAX_ERRORS, _Refused)
_read_envelope = msgspec.json.Decoder(Envelope).decode
_read_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_envelope(body: bytes | bytearray) -> Envelope:
    """Parse a request body, leaving its rows raw. Of a key given twice, the last counts.

    :raises InvalidRequest: it is not JSON, not the expected object, or has no rows or more than `MAX_ROWS`.
    """
    try:
        envelope = _read_envelope(body)
    except msgspec.ValidationError:
        raise InvalidRequest(_explain_shape(body)) from None
    except _SYNTAX_ERRORS as error:
        raise InvalidRequest(_explain_syntax(body, error)) from None
    if not envelope.data:
        raise InvalidRequest(f"data is empty: send 1 to {MAX_ROWS:,} rows.")
    if len(envelope.data) > MAX_ROWS:
        raise InvalidRequest(
            f"data has {len(envelope.data):,} rows; the most in one request is {MAX_ROWS:,}. Send them in parts."
        )
    return envelope


def _fast_reader(columns: Sequence[InputColumn]) -> Callable[[msgspec.Raw], tuple[Value, ...]]:
    if len(columns) > _STRUCT_COLUMNS or any(_NOT_A_FIELD_NAME.search(column.name) for column in columns):
        return _dictionary_reader(columns)
    return _struct_reader(columns)


def _struct_reader(columns: Sequence[InputColumn]) -> Callable[[msgspec.Raw], tuple[Value, ...]]:
    fields: list[Any] = []
    for place, column in enumerate(columns):
        kind = _TYPES[column.kind]
        allowed = kind | None if column.nullable else kind
        # A default of None marks absence; msgspec does not hold defaults to the type, so a sent null is still refused.
        fields.append((f"c{place}", allowed) if column.required else (f"c{place}", allowed, None))
    row_type = msgspec.defstruct(
        "Row",
        fields,
        rename={f"c{place}": column.name for place, column in enumerate(columns)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    decode = msgspec.json.Decoder(row_type).decode
    as_tuple = msgspec.structs.astuple
    moments = [place for place, column in enumerate(columns) if column.kind == "datetime"]
    if not moments:
        return lambda raw: as_tuple(decode(raw))

    def read(raw: msgspec.Raw) -> tuple[Value, ...]:
        values: tuple[Value, ...] = as_tuple(decode(raw))
        for place in moments:
            value = values[place]
            if isinstance(value, str) and not is_moment(value):
                raise _Refused
        return values

    return read


def _dictionary_reader(columns: Sequence[InputColumn]) -> Callable[[msgspec.Raw], tuple[Value, ...]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode

    def read(raw: msgspec.Raw) -> tuple[Value, ...]:
        try:
            return read_row(columns, decode(raw), 0)
        except InvalidRequest:
            raise _Refused from None

    return read


def _explain_shape(body: bytes | bytearray) -> str:
    """Why a body is not an envelope, looking no deeper than needed."""
    try:
        parts = _read_shallow(body)
    except msgspec.ValidationError:
        return f"{_EXPECTED_BODY}, got {_describe_raw(body)}."
    except _SYNTAX_ERRORS as error:  # of the wrong shape, and broken further on
        return _explain_syntax(body, error)
    if "data" not in parts:
        sent = ", ".join(repr(shorten(name, 40)) for name in list(parts)[:5]) or "nothing"
        return f"data is missing: {_EXPECTED_BODY}, got {sent}."
    if not bytes(parts["data"]).startswith(b"["):
        return f"data: expected a list of rows, got {_describe_raw(bytes(parts['data']))}."
    extra = next((name for name in parts if name not in ("data", "method")), None)
    if extra is not None:
        return f'{shorten(extra)!r} is not a part of a request: {_EXPECTED_BODY}, and optionally "method".'
    return 'method: expected "predict" or "predict_proba".'


def _explain_syntax(body: bytes | bytearray, error: Exception) -> str:
    """Why a body is not JSON; for NaN and Infinity, which Python clients write, with row and column."""
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8 text."
    if isinstance(error, RecursionError):
        return "the body is nested too deeply."
    if not body.strip():
        return f"the body is empty: {_EXPECTED_BODY}."
    place = _ERROR_BYTE.search(str(error))
    if place is None:
        return f"the body is not JSON: {error}."
    offset = int(place.group(1))
    if body[offset : offset + 8].startswith(_NOT_FINITE):
        where = _locate(bytes(body[:offset]))
        return f"{where}NaN and Infinity are not JSON and no values; send null or leave the row out."
    return f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ')}."


def _locate(before: bytes) -> str:
    """`row 3, column 'age': ` for the value that would follow `before`, or nothing when it is somewhere else."""
    column = _COLUMN_BEFORE.search(before, max(0, len(before) - 4096))
    if column is None:
        return ""
    try:
        row = len(_read_envelope(before.removesuffix(b"-") + b"null}]}").data)
        name = json.loads(column.group(1))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    return f"row {row}, column {shorten(name)!r}: "


def _describe_raw(raw: bytes | bytearray) -> str:
    start = bytes(raw[:64]).lstrip()[:1]
    return {
        b"[": "a list",
        b"{": "an object",
        b'"': "a string",
        b"n": "null",
        b"t": "a boolean",
        b"f": "a boolean",
    }.get(start, describe(0.0))
