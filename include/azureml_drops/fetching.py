"""Get a drop onto this machine's disk, as the one file that is registered."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from azureml_drops.finding import FoundDrop, find_drop
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import DropStorage, StorageEntry
from azureml_drops.transfer import CHUNK_BYTES, DownloadLimits, Transfer, room_for_copy
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class FetchedDrop(Record):
    """A drop on disk. `fingerprint` is that of the dataset version it makes: `sha256:` and the digest of the file.

    `rows_hint` is the number of line ends below the header, which is close to the number of rows.
    """

    path: str
    fingerprint: str
    bytes: int
    rows_hint: int


def fetch_drop(
    pattern: DropPattern,
    found: FoundDrop,
    storage: DropStorage,
    folder: Path,
    *,
    limits: DownloadLimits,
    separator: str = ",",
    encoding: str = "utf-8",
) -> FetchedDrop:
    """Copy the drop into `folder`, which exists: a file as it is, a folder's files one after the other, by name, with
    the header once.

    :raises InvalidRequest: larger than the limit, a file of a folder cannot be read in that encoding, or has another
        header than the first.
    :raises ServiceUnavailable: the drop changed meanwhile, or the storage did not give it in time.
    :raises StorageFull: no room for the copy.
    """
    path = folder / f"{found.key}.csv"
    transfer = Transfer(found.path, limits)
    with room_for_copy(found.path):
        try:
            if found.is_folder:
                _concatenate(found, storage, path, transfer, separator=separator, encoding=encoding)
            else:
                with storage.open_file(found.files[0].path) as source, path.open("wb") as copy:
                    transfer.copy(_chunks(source), copy)
        except FileNotFoundError:
            raise _changed(found, "a file of it is gone") from None
    _require_unchanged(pattern, found, storage)
    return _described(path)


def _concatenate(
    found: FoundDrop, storage: DropStorage, path: Path, transfer: Transfer, *, separator: str, encoding: str
) -> None:
    codec = _codec(encoding)
    first: tuple[StorageEntry, list[str]] | None = None
    with path.open("w", encoding="utf-8" if codec == "utf-8-sig" else codec, newline="") as copy:
        for file in found.files:
            with storage.open_file(file.path) as source:
                lines = _Lines(source, codec, transfer)
                try:
                    header = _header(lines, separator)
                    if first is None:
                        first = file, header
                        copy.write(lines.header if lines.header.endswith(("\n", "\r")) else f"{lines.header}\n")
                    _require_same_header(first, file, header)
                    _copy_lines(lines, copy)
                except UnicodeError as error:
                    raise InvalidRequest(
                        f"{file.path} cannot be read as {encoding} ({error}); say which encoding the drops have."
                    ) from error


class _Lines:
    """A file's text: lines with their ends, as many as the header needs, then the rest."""

    def __init__(self, source: BinaryIO, codec: str, transfer: Transfer) -> None:
        self._text = io.TextIOWrapper(io.BufferedReader(_Counted(source, transfer)), encoding=codec, newline="")
        self.header = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.header += line
            yield line

    def rest(self) -> Iterator[str]:
        """What comes after the lines that were taken, in pieces."""
        return iter(lambda: self._text.read(CHUNK_BYTES), "")


class _Counted(io.RawIOBase):
    """A file of which every byte that is read counts against the limits."""

    def __init__(self, source: BinaryIO, transfer: Transfer) -> None:
        self._source = source
        self._transfer = transfer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self._transfer.count(len(data))
        return len(data)


def _header(lines: _Lines, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader(iter(lines), delimiter=separator), [])]
    except (csv.Error, TypeError) as error:
        raise InvalidRequest(f"the header cannot be read ({error}); check the separator, {separator!r}.") from error


def _require_same_header(first: tuple[StorageEntry, list[str]], file: StorageEntry, header: list[str]) -> None:
    if not header:
        raise InvalidRequest(f"{file.path} has no header; every file of a drop needs the same one.")
    expected = first[1]
    if header == expected:
        return
    missing = [name for name in expected if name not in header]
    extra = [name for name in header if name not in expected]
    differs = "; ".join(
        part
        for part in (
            f"missing {', '.join(map(repr, missing[:20]))}" if missing else "",
            f"not expected {', '.join(map(repr, extra[:20]))}" if extra else "",
        )
        if part
    )
    raise InvalidRequest(
        f"{file.path} has another header than {first[0].path}: {differs or 'the same columns in another order'}. "
        "All files of a drop need the same columns in the same order."
    )


def _copy_lines(lines: _Lines, copy: TextIO) -> None:
    last = "\n"
    for piece in lines.rest():
        copy.write(piece)
        last = piece[-1]
    if last not in "\r\n":
        copy.write("\n")


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)  # `lookup` knows codecs too that make no text
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise InvalidRequest(f"encoding is {encoding!r}, which Python does not know; give a codec as utf-8.") from None
    return "utf-8-sig" if name == "utf-8" else name


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: source.read(CHUNK_BYTES), b"")


def _require_unchanged(pattern: DropPattern, found: FoundDrop, storage: DropStorage) -> None:
    again = find_drop(pattern, storage, found.key)
    if again is None:
        raise _changed(found, "it is gone")
    before = {file.path: file for file in found.files}
    after = {file.path: file for file in again.files}
    names = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if names:
        raise _changed(found, f"{', '.join(names[:5])} {'is' if len(names) == 1 else 'are'} not as before")


def _changed(found: FoundDrop, how: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"drop {found.key} at {found.path} changed while it was read: {how}. Try again later.")


def _described(path: Path) -> FetchedDrop:
    digest = hashlib.sha256()
    lines = 0
    last = b"\n"
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return FetchedDrop(
        path=str(path),
        fingerprint=f"sha256:{digest.hexdigest()}",
        bytes=path.stat().st_size,
        rows_hint=max(0, lines + (last != b"\n") - 1),
    )
