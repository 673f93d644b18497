"""The whole way from a delimited text file to `data.parquet` and `profile.json`.

The file is read three times, each time as a stream: to make sure that it is text, to decide the kind of every column
(which the first megabytes cannot: the one word may stand in the last row), and to convert. So memory is bounded by the
blocks read and by one typed column, not by the size of the file.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
from pyarrow import parquet

from azureml_workspace.data.header import Header, check_separator, read_header
from azureml_workspace.data.kinds import Reading, convert, count_infinities, narrow
from azureml_workspace.data.profile import DataProfile
from azureml_workspace.data.profiling import profile_parquet
from azureml_workspace.data.records import LARGEST_BLOCK, SMALLEST_BLOCK, RecordTooLong, read_batches, too_long
from azureml_workspace.data.text import TextFile, check_text
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.records import ColumnSchema

DATA_FILE = "data.parquet"
PROFILE_FILE = "profile.json"

_ROW_GROUP_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class IngestedData:
    """Typed data: how many rows, the schema in file order, and the profile."""

    rows: int
    columns: tuple[ColumnSchema, ...]
    profile: DataProfile


def ingest(source_path: Path, target_dir: Path, *, separator: str = ",", encoding: str = "utf-8") -> IngestedData:
    """Read delimited text and write `data.parquet` and `profile.json` into `target_dir`, which must exist.

    Both files appear complete or, when anything is raised, not at all.

    :raises InvalidRequest: the source cannot be read as delimited text; the message says what to do.
    :raises StorageFull: no room for the files.
    """
    separator = check_separator(separator)
    text = check_text(source_path, encoding)
    header = read_header(text, separator)
    source = _Source(text=text, header=header, separator=separator)
    readings, block_bytes = _decide_readings(source)
    data_path, profile_path = _unfinished(target_dir), _unfinished(target_dir)
    with no_room_as_storage_full(f"the typed data of {source_path.name}"), _removed_on_error(data_path, profile_path):
        written = _write_parquet(source, readings, block_bytes, data_path)
        columns = tuple(
            ColumnSchema(name=name, kind=reading.kind, nullable=written.nulls[name] > 0)
            for name, reading in zip(header.names, readings, strict=True)
        )
        pa.default_memory_pool().release_unused()  # what reading needed is not needed while the columns are counted
        profile = profile_parquet(data_path, columns, written.infinities, text.size)
        with _create(profile_path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(profile), indent=2))
        data_path.rename(target_dir / DATA_FILE)
        profile_path.rename(target_dir / PROFILE_FILE)
    # A server that ingests now and then should not keep the peak of it forever.
    pa.default_memory_pool().release_unused()
    return IngestedData(rows=profile.rows, columns=columns, profile=profile)


@dataclass(frozen=True, kw_only=True)
class _Source:
    text: TextFile
    header: Header
    separator: str

    def batches(self, block_bytes: int) -> Iterator[Any]:
        return read_batches(self.text, self.header, self.separator, block_bytes)


@dataclass(frozen=True, kw_only=True)
class _Written:
    nulls: Counter[str]
    infinities: Counter[str]


def _decide_readings(source: _Source) -> tuple[list[Reading], int]:
    """How to read each column, and the size of the blocks in which the file can be read."""
    block_bytes = SMALLEST_BLOCK
    while True:
        readings = [Reading.EMPTY] * len(source.header.names)
        try:
            for batch in source.batches(block_bytes):
                readings = [narrow(*pair) for pair in zip(readings, batch.columns, strict=True)]
        except RecordTooLong:
            if block_bytes >= LARGEST_BLOCK:
                raise too_long(source.text) from None
            block_bytes *= 4
        else:
            return readings, block_bytes


def _write_parquet(source: _Source, readings: list[Reading], block_bytes: int, path: Path) -> _Written:
    names = source.header.names
    written = _Written(nulls=Counter(), infinities=Counter())
    schema = pa.schema([(name, reading.arrow_type) for name, reading in zip(names, readings, strict=True)])
    with _create(path) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        waiting: list[Any] = []
        for batch in source.batches(block_bytes):
            arrays = [convert(*pair) for pair in zip(readings, batch.columns, strict=True)]
            for name, reading, array, strings in zip(names, readings, arrays, batch.columns, strict=True):
                written.nulls[name] += array.null_count
                if reading is Reading.NUMBER and array.null_count:
                    written.infinities[name] += count_infinities(strings)
            waiting.append(pa.record_batch(arrays, schema=schema))
            if sum(batch.nbytes for batch in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    return written


def _unfinished(folder: Path) -> Path:
    return folder / f".tmp-{uuid.uuid4().hex}"


def _create(path: Path) -> IO[bytes]:
    return path.open("wb")


@contextmanager
def _removed_on_error(*paths: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
