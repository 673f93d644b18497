"""A file made ready for its registration: copied, checked, typed and profiled on this side."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from azureml_workspace.azure_v1.stored_file import AZURE_ENCODINGS, PROFILE_FILE, StoredFile
from azureml_workspace.data.source_file import readable_file
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.records import DatasetSource

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PreparedFile:
    """`upload`: a folder with everything that is kept. `size` in bytes."""

    upload: Path
    stored: StoredFile
    size: int


def prepare(name: str, source: DatasetSource, folder: Path) -> PreparedFile:
    """Take in `source` as the dataset `name`, in an empty folder of the caller's.

    :raises InvalidRequest: the file is missing, empty or cannot be read as delimited text.
    :raises StorageFull: no room in `folder`.
    """
    from azureml_workspace.data.ingestion import ingest  # Arrow, which nobody needs who only polls a run

    text_format = TextFormat.checked(source.separator, source.encoding)
    path = readable_file(source.path)
    received, typed, upload = folder / "received" / name, folder / "typed", folder / "upload"
    for new in (received.parent, typed, upload):
        new.mkdir()
    with no_room_as_storage_full(f"a copy of {path.name}"):
        fingerprint, has_quotes = _copy(path, received)
        data = ingest(received, typed, separator=text_format.separator, encoding=text_format.encoding)
        names = [column.name for column in data.columns]
        encoding = AZURE_ENCODINGS.get(text_format.encoding)
        kept = upload / "data.csv"
        if encoding is None or _header(received, text_format) != names:
            _rewrite(received, text_format, names, kept)
            encoding = "utf8"
        else:
            received.rename(kept)
        stored = StoredFile(
            fingerprint=fingerprint,
            separator=text_format.separator,
            encoding=text_format.encoding,
            file=kept.name,
            file_encoding=encoding,
            multi_line=has_quotes,
            rows=data.rows,
            columns=data.columns,
            profile=data.profile,
        )
        (upload / PROFILE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(stored), indent=2))
    return PreparedFile(upload=upload, stored=stored, size=kept.stat().st_size)


def _copy(source: Path, target: Path) -> tuple[str, bool]:
    """A copy, so that what is checked is what is uploaded. Its fingerprint, and whether it has quotation marks."""
    digest, has_quotes = hashlib.sha256(), False
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_COPY_BYTES):
            digest.update(chunk)
            has_quotes = has_quotes or b'"' in chunk
            writing.write(chunk)
    return f"sha256:{digest.hexdigest()}", has_quotes


def _header(path: Path, text_format: TextFormat) -> list[str]:
    with path.open(encoding=text_format.encoding, newline="") as file:
        return next(csv.reader(file, delimiter=text_format.separator), [])


def _rewrite(source: Path, text_format: TextFormat, names: list[str], target: Path) -> None:
    """The same rows in UTF-8, under a first line with the columns' names alone.

    Azure ML knows fewer encodings, and takes blanks around a name, or an empty line before it, for a part of it.
    """
    with (
        source.open(encoding=text_format.encoding, newline="") as reading,
        target.open("w", encoding="utf-8", newline="") as writing,
    ):
        rows = (row for row in csv.reader(reading, delimiter=text_format.separator) if row)
        next(rows)
        writer = csv.writer(writing, delimiter=text_format.separator, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
