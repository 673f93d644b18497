"""What drops are read from: a file system or an object storage, as far as drops need it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.records import Record


@dataclass(frozen=True, kw_only=True)
class StorageEntry(Record):
    """A file as the storage lists it. `tag` changes with every write, where the storage has such a thing."""

    path: str
    size: int
    modified: datetime
    tag: str = ""


class DropStorage(Protocol):
    """Paths are those of the pattern: what `list_files` gives can be asked of a `DropPattern`.

    Nothing is remembered between two calls: each asks the storage. All raise `Unauthorized` when it refuses the
    credentials, `InvalidRequest` when it can never answer, and `ServiceUnavailable` when it may later.
    """

    def list_files(self, folder: str, *, levels: int) -> Iterable[StorageEntry]:
        """The files in a folder and below, `levels` folders deep (1: in it alone), in no order; none if there is no
        such folder."""
        ...

    def find_file(self, path: str) -> StorageEntry | None:
        """The file, None when there is none."""
        ...

    def open_file(self, path: str) -> BinaryIO:
        """The file's bytes, to be closed by the caller. :raises FileNotFoundError: there is none any more."""
        ...


_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What the system says of a path behind which is nothing: a link that leads to itself is one more."""


class LocalStorage:
    """This machine's files."""

    def list_files(self, folder: str, *, levels: int) -> Iterator[StorageEntry]:
        """As the protocol says; links are followed, and what vanishes meanwhile is left out."""
        try:
            with os.scandir(folder or ".") as children:
                for child in children:
                    yield from self._below(folder, child, levels)
        except PermissionError as error:
            raise _unreadable(folder, error) from error
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise

    def find_file(self, path: str) -> StorageEntry | None:
        """As the protocol says."""
        try:
            found = Path(path).stat()
        except PermissionError as error:
            raise _unreadable(path, error) from error
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return None
        return _entry(path, found) if stat.S_ISREG(found.st_mode) else None

    def open_file(self, path: str) -> BinaryIO:
        """As the protocol says."""
        try:
            return Path(path).open("rb")
        except PermissionError as error:
            raise _unreadable(path, error) from error

    def _below(self, folder: str, child: os.DirEntry[str], levels: int) -> Iterator[StorageEntry]:
        path = folder + child.name
        try:
            found = child.stat()
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            return
        if stat.S_ISDIR(found.st_mode) and levels > 1:
            yield from self.list_files(f"{path}/", levels=levels - 1)
        elif stat.S_ISREG(found.st_mode):
            yield _entry(path, found)


def _entry(path: str, found: os.stat_result) -> StorageEntry:
    return StorageEntry(
        path=path,
        size=found.st_size,
        modified=datetime.fromtimestamp(found.st_mtime_ns / 1e9, UTC),
        tag=f"{found.st_ino:x}-{found.st_mtime_ns:x}",
    )


def _unreadable(path: str, error: OSError) -> InvalidRequest:
    return InvalidRequest(f"{path} cannot be read ({error.strerror}); let the user that Airflow runs as read it.")
