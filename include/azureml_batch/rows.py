"""The rows of a delimited file as a model takes them, a few at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from azureml_workspace.data.header import check_separator, read_header
from azureml_workspace.data.kinds import Reading, Unfit, convert, string_array
from azureml_workspace.data.records import LARGEST_BLOCK, SMALLEST_BLOCK, RecordTooLong, read_batches, too_long
from azureml_workspace.data.text import check_text
from azureml_workspace.data.values import as_json
from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import ColumnKind

_READINGS: dict[ColumnKind, tuple[Reading, ...]] = {
    "integer": (Reading.INTEGER, Reading.NUMBER),
    "number": (Reading.NUMBER,),
    "boolean": (Reading.BOOLEAN,),
    "datetime": (Reading.DATETIME, Reading.DATETIME_WITH_OFFSET),
    "string": (Reading.STRING,),
}


@dataclass(frozen=True, kw_only=True)
class ModelInputs:
    """The columns that a model takes, by their kinds. A file may lack those that are not `required`."""

    kinds: Mapping[str, ColumnKind]
    required: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Rows of the file that follow each other; the first is number `first`, counted from 1.

    `ids` has the values of the chosen columns as text, to the letter, `[columns][rows]`.
    """

    first: int
    rows: list[dict[str, Any]]
    ids: list[list[str]]


class RowFile:
    """A delimited file whose rows are to be scored. Columns that the model does not take, such as the label, are left
    out.

    `rows` counts them.
    """

    def __init__(
        self, path: Path, *, separator: str, encoding: str, inputs: ModelInputs, id_columns: tuple[str, ...]
    ) -> None:
        """Read it once. :raises InvalidRequest: it is no such file, or lacks a column; names it and similar ones."""
        self._separator = check_separator(separator)
        self._text = check_text(path, encoding)
        self._header = read_header(self._text, self._separator)
        self._kinds = {name: kind for name, kind in inputs.kinds.items() if name in self._header.names}
        self._id_columns = id_columns
        for name in (*sorted(inputs.required), *id_columns):
            self._require(name)
        self.rows, self._block_bytes = self._measure()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """All rows, `size` at a time at most.

        :raises InvalidRequest: a value is not of its column's kind; names row and column.
        """
        first = 1
        for batch in self._batches(self._block_bytes):
            for start in range(0, batch.num_rows, size):
                part = batch.slice(start, size)
                columns = {name: self._typed(name, part.column(name), first) for name in self._kinds}
                rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
                ids = [part.column(name).to_pylist() for name in self._id_columns]
                yield Chunk(first=first, rows=rows, ids=ids)
                first += part.num_rows

    def _batches(self, block_bytes: int) -> Iterator[Any]:
        return read_batches(self._text, self._header, self._separator, block_bytes)

    def _measure(self) -> tuple[int, int]:
        """How many rows there are, and the size of the blocks in which they can be read."""
        block_bytes = SMALLEST_BLOCK
        while True:
            try:
                return sum(batch.num_rows for batch in self._batches(block_bytes)), block_bytes
            except RecordTooLong:
                if block_bytes >= LARGEST_BLOCK:
                    raise too_long(self._text) from None
                block_bytes *= 4

    def _typed(self, name: str, texts: Any, first: int) -> list[Any]:
        for reading in _READINGS[self._kinds[name]]:
            try:
                return [as_json(value) for value in convert(reading, texts).to_pylist()]
            except Unfit:
                continue
        row, value = self._unfit(name, texts.to_pylist())
        raise InvalidRequest(
            f"{self._text.path.name}, row {first + row}, column {name!r} is {value[:60]!r}; the model takes "
            f"{self._kinds[name]} there."
        )

    def _unfit(self, name: str, texts: list[str]) -> tuple[int, str]:
        """Place and text of the first value that is not of the column's kind."""
        for place, text in enumerate(texts):
            if not any(_fits(reading, text) for reading in _READINGS[self._kinds[name]]):
                return place, text
        return 0, texts[0]  # each fits, but not all in the same way: dates with an offset among others without

    def _require(self, name: str) -> None:
        names = self._header.names
        if name in names:
            return
        close = get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(names[:20])}."
        raise InvalidRequest(f"{self._text.path.name} has no column {name!r}; {hint}")


def _fits(reading: Reading, text: str) -> bool:
    try:
        convert(reading, string_array((text,)))
    except Unfit:
        return False
    return True
