"""The records of a delimited text file after the header, as batches of strings, in bounded memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from azureml_workspace.data.header import Header
from azureml_workspace.data.text import TextFile
from azureml_workspace.errors import InvalidRequest

SMALLEST_BLOCK = 8 << 20
LARGEST_BLOCK = 128 << 20
"""Bytes read at a time. A record must fit into one block, so blocks grow up to the larger figure where one does not."""

_TEXT_SHOWN = 60


class RecordTooLong(Exception):
    """A record does not fit into a block of the size tried; try a larger one."""


def read_batches(text: TextFile, header: Header, separator: str, block_bytes: int) -> Iterator[Any]:
    """Record batches, every column `string` and named as in the header; nulls none yet, an empty field is "".

    Blank lines are skipped, line ends may be LF, CRLF or CR, quoted values may hold separators and line ends.

    :raises RecordTooLong: a record is longer than `block_bytes`.
    :raises InvalidRequest: a record has more or fewer fields than the header (with its line), or a quotation mark is
        opened and never closed.
    """
    ragged: list[Any] = []

    def on_ragged(row: Any) -> str:
        ragged.append(row)
        return "error"

    last: Any = None
    try:
        for batch in _open(text, header, separator, block_bytes, on_ragged):
            if batch.num_rows:
                last = batch
                yield batch
    except pa.ArrowInvalid as error:
        if ragged:
            raise _ragged(text, header, separator, ragged[0]) from error
        if "straddling" in str(error):
            raise RecordTooLong from error
        raise InvalidRequest(f"{text.path.name} cannot be read as delimited text: {error}") from error
    if last is not None:
        _refuse_open_quote(text, last)


def too_long(text: TextFile) -> InvalidRequest:
    """The error for a file of which one record is longer than the largest block."""
    return InvalidRequest(
        f"{text.path.name} holds a record longer than {LARGEST_BLOCK >> 20} MB; "
        "is a quotation mark opened and never closed?"
    )


def _open(text: TextFile, header: Header, separator: str, block_bytes: int, on_ragged: Any) -> Any:
    return arrow_csv.open_csv(
        text.path,
        read_options=arrow_csv.ReadOptions(
            use_threads=False,  # a row's number in an error is only known without threads
            block_size=block_bytes,
            column_names=list(header.names),
            skip_rows=header.blank_lines,
            skip_rows_after_names=1,
            encoding="utf8" if text.encoding == "utf-8-sig" else text.encoding,
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator, newlines_in_values=text.quotes > 0, invalid_row_handler=on_ragged
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in header.names},
            strings_can_be_null=False,
            check_utf8=False,  # `check_text` has
        ),
    )


def _ragged(text: TextFile, header: Header, separator: str, row: Any) -> InvalidRequest:
    found, expected = row.actual_columns, len(header.names)
    start = row.text if len(row.text) <= _TEXT_SHOWN else row.text[:_TEXT_SHOWN] + "..."
    cause = (
        "quote values that hold the separator" if found > expected else "give every row a value, or nothing, per column"
    )
    return InvalidRequest(
        f"{text.path.name}, line {_line_of(text, separator, row)}: found {found} fields where the header has "
        f"{expected} ({start!r}); {cause}."
    )


def _line_of(text: TextFile, separator: str, row: Any) -> int:
    """The physical line, counted from 1, on which the first record with a wrong number of fields starts."""
    with text.path.open(encoding=text.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        expected, start = row.expected_columns, 1
        try:
            for fields in reader:
                if fields and len(fields) != expected:
                    return start
                start = reader.line_num + 1
        except csv.Error:  # a value too long for this reader: then the record's number has to do
            pass
    return int(row.number)


def _refuse_open_quote(text: TextFile, last: Any) -> None:
    """A quotation mark opened and never closed swallows the rest of the file into the last value."""
    if text.quotes % 2 == 0:
        return
    value = last.column(last.num_columns - 1)[last.num_rows - 1].as_py()
    with text.path.open("rb") as file:
        file.seek(max(0, text.size - 16))
        closed = file.read().decode(text.encoding, errors="ignore").rstrip("\r\n").endswith('"')
    if "\n" in value and not closed:
        raise InvalidRequest(
            f"{text.path.name}: the last value holds {value.count(chr(10))} line ends and starts "
            f"{value[:_TEXT_SHOWN]!r}; a quotation mark is opened there and never closed."
        )
