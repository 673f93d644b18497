"""The rows that a dataflow describes, as one delimited file on its way into the engine."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from azureml_local.azure_api.datasets.dataflow import DataPath, Delimited, Selection, Table
from azureml_local.azure_api.datasets.downloads import download
from azureml_local.azure_api.datasets.native_engine import write_parquet
from azureml_local.azure_api.datastores import container_of
from azureml_local.azure_api.storage import Storage
from azureml_local.store.uploads import Upload
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import Conflict, InvalidRequest

_READ_BYTES = 1 << 20
_PARQUET_ROWS = 10_000


def take_over(table: Table, storage: Storage, upload: Upload) -> TextFormat:
    """Write the table's rows into `upload`, and say how they are read there.

    One delimited file goes in as it is, byte for byte: it is then the version that registering this file natively
    makes. Everything else is written as CSV, by the SDK's native engine where the dataflow does more than to read.

    :raises InvalidRequest: there is no such file, or its content is not what the dataflow says.
    :raises Conflict: a file was replaced meanwhile.
    :raises ServiceUnavailable: a web server does not give it. :raises StorageFull:
    """
    try:
        with no_room_as_storage_full("the dataset"), _files(table.paths, storage, upload.folder) as files:
            return _write(table, files, upload)
    except FileNotFoundError as error:
        raise Conflict("a file of the dataset was replaced while it was read; register it again.") from error


def _write(table: Table, files: list[Path], upload: Upload) -> TextFormat:
    if table.native is not None:
        with TemporaryDirectory(dir=upload.folder) as temporary:
            rows = Path(temporary) / "rows.parquet"
            write_parquet(table.native, files, rows)
            _convert_parquet([rows], (), upload)
        return TextFormat()
    if table.reader is not None and len(files) == 1 and not table.selections:
        _copy(files[0], upload)
        return TextFormat.checked(table.reader.separator, table.reader.encoding)
    if table.reader is None:
        _convert_parquet(files, table.selections, upload)
    else:
        _convert_delimited(files, table.reader, table.selections, upload)
    return TextFormat()


@contextmanager
def _files(paths: tuple[DataPath, ...], storage: Storage, folder: Path) -> Iterator[list[Path]]:
    with TemporaryDirectory(dir=folder) as temporary:
        files: list[Path] = []
        for path in paths:
            if path.datastore is None:
                files.append(download(path.path, Path(temporary) / str(len(files))))
            else:
                files += _blobs(path.datastore, path.path, storage)
        yield files


def _blobs(datastore: str, path: str, storage: Storage) -> list[Path]:
    """The files of a path: a blob, a folder of them, or all that fit a pattern."""
    container = container_of(datastore)
    if container is None:
        raise InvalidRequest(f"there is no datastore {datastore!r}.")
    path = path.lstrip("/")
    blob = storage.find(container, path)
    if blob is not None:
        return [blob.path]
    prefix, star, _ = path.partition("*")
    pattern = _pattern(path if star else f"{path.rstrip('/')}/**")
    wanted = prefix if star else f"{path.rstrip('/')}/"
    found = [blob.path for blob in storage.list_from(container, wanted) if blob.size and pattern.fullmatch(blob.name)]
    if not found:
        raise InvalidRequest(f"datastore {datastore} has no file {path!r}.")
    return found


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*)", path)
    rules = {"*": "[^/]*", "**": ".*", "**/": "(?:.*/)?"}
    return re.compile("".join(rules.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _copy(file: Path, upload: Upload) -> None:
    with file.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            upload.write(chunk)


def _convert_delimited(files: list[Path], reader: Delimited, selections: tuple[Selection, ...], upload: Upload) -> None:
    """:raises InvalidRequest: the files have other headers than the first, or cannot be read."""
    names: list[str] | None = None
    for file in files:
        try:
            with file.open(encoding=_with_mark(reader.encoding), newline="") as stream:
                rows = csv.reader(stream, delimiter=reader.separator)
                header = next(rows, [])
                if names is not None and header != names:
                    raise InvalidRequest("the dataset's files do not have the same header.")
                chosen = _select(header, selections)
                places = [header.index(name) for name in chosen]
                first = [chosen] if names is None else []
                names = header
                _write_rows([*first], upload)
                _write_rows(([row[place] for place in places] for row in rows if row), upload)
        except (UnicodeDecodeError, csv.Error, IndexError) as error:
            raise InvalidRequest(f"the dataset's files cannot be read as the dataflow says: {error}.") from error


def _convert_parquet(files: list[Path], selections: tuple[Selection, ...], upload: Upload) -> None:
    """:raises InvalidRequest: the files have other columns than the first, or are no Parquet."""
    from pyarrow import ArrowInvalid, parquet  # reads Parquet: not worth the start-up of every server

    names: list[str] | None = None
    for file in files:
        try:
            with parquet.ParquetFile(file) as data:
                columns = data.schema_arrow.names
                if names is not None and columns != names:
                    raise InvalidRequest("the dataset's files do not have the same columns.")
                chosen = _select(columns, selections)
                if not chosen:
                    raise InvalidRequest("the dataset has no rows, or no columns.")
                if names is None:
                    _write_rows([chosen], upload)
                names = columns
                for batch in data.iter_batches(batch_size=_PARQUET_ROWS, columns=chosen, use_threads=False):
                    _write_rows(zip(*(map(_text, column.to_pylist()) for column in batch.columns), strict=True), upload)
        except ArrowInvalid as error:
            raise InvalidRequest(f"the dataset's files cannot be read as Parquet: {error}.") from error


def _with_mark(encoding: str) -> str:
    """UTF-8 files may begin with a byte order mark."""
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _select(names: list[str], selections: tuple[Selection, ...]) -> list[str]:
    for selection in selections:
        names = selection.of(names)
    return names


def _write_rows(rows: Iterable[Sequence[object]], upload: Upload) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > _READ_BYTES:
            upload.write(buffer.getvalue().encode())
            buffer.seek(0)
            buffer.truncate()
    upload.write(buffer.getvalue().encode())


def _text(value: object) -> object:
    """A cell as the engine reads it back to the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value != value:
        return ""
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else value
