"""Which drops are there."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azureml_drops.pattern import DropPattern, is_data_file
from azureml_drops.storage import DropStorage, StorageEntry
from azureml_workspace.records import Record

FOLDER_SUFFIX = ".csv"
"""How names of the files end that make up a drop that is a folder; in any case of letters."""


@dataclass(frozen=True, kw_only=True)
class FoundDrop(Record):
    """A drop that is there: one file, or the files of a folder by name. `path` is the file or the folder."""

    key: str
    path: str
    files: tuple[StorageEntry, ...]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.path.endswith("/")

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.size for file in self.files)

    @property
    def modified(self) -> datetime:
        """When the last of its files was written."""
        return max(file.modified for file in self.files)

    @property
    def content_state(self) -> str:
        """16 hexadecimal digits that tell this content from another under the same key, without reading it.

        Made of each file's path, size and time of modification. Equal for equal content that was not written again;
        after a write it differs even if the bytes are the same.
        """
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.size}\0{file.modified.isoformat()}\0".encode())
        return digest.hexdigest()[:16]


def find_drops(
    pattern: DropPattern, storage: DropStorage, *, settle_seconds: float = 0, now: datetime | None = None
) -> list[FoundDrop]:
    """Every drop that is there, by key.

    Hidden and half-written files do not count, see `is_data_file`; neither does a folder without a CSV file.

    :param settle_seconds: a drop with a file that was written within so many seconds is not there yet.
    :param now: by the clock that the storage's times are of (default: this machine's).
    :raises WorkspaceError: what the storage raises.
    """
    files: defaultdict[str, list[StorageEntry]] = defaultdict(list)
    for entry in storage.list_files(pattern.root, levels=pattern.levels):
        if _is_part(pattern, entry.path):
            key = pattern.key_of(entry.path)
            if key is not None:
                files[key].append(entry)
    latest = _latest(settle_seconds, now)
    found = (_drop(pattern, key, files[key], latest) for key in sorted(files))
    return [drop for drop in found if drop is not None]


def find_drop(
    pattern: DropPattern, storage: DropStorage, key: str, *, settle_seconds: float = 0, now: datetime | None = None
) -> FoundDrop | None:
    """That drop, None when it is not there (yet). Asks for its own files only. Raises as `find_drops` does.

    :raises InvalidRequest: `key` is none of this pattern.
    """
    path = pattern.path_of(key)
    if pattern.is_folder:
        files: Iterable[StorageEntry] = storage.list_files(path, levels=1)
    else:
        entry = storage.find_file(path)
        files = () if entry is None else (entry,)
    return _drop(pattern, key, [file for file in files if _is_part(pattern, file.path)], _latest(settle_seconds, now))


def _is_part(pattern: DropPattern, path: str) -> bool:
    name = path.rpartition("/")[2]
    return is_data_file(name) and (not pattern.is_folder or name.lower().endswith(FOLDER_SUFFIX))


def _latest(settle_seconds: float, now: datetime | None) -> datetime | None:
    """The last moment at which a file may have been written; None: whenever."""
    return (now or datetime.now(UTC)) - timedelta(seconds=settle_seconds) if settle_seconds > 0 else None


def _drop(pattern: DropPattern, key: str, files: list[StorageEntry], latest: datetime | None) -> FoundDrop | None:
    if not files or (latest is not None and any(file.modified > latest for file in files)):
        return None
    ordered = tuple(sorted(files, key=lambda file: file.path))
    return FoundDrop(key=key, path=pattern.path_of(key), files=ordered)
