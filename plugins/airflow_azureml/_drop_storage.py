"""Drops in an object storage, through an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_azureml._object_storage import ObjectPath, container_of, object_path, translated
from airflow_azureml.addresses import shown
from azureml_drops.pattern import DropPattern
from azureml_drops.storage import DropStorage, LocalStorage, StorageEntry
from azureml_workspace.errors import NotFound

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def storage_of(pattern: DropPattern, source_conn_id: str | None) -> DropStorage:
    """What the pattern's drops are read from; the connection is looked up when something is asked."""
    return LocalStorage() if pattern.is_local else ObjectStorage(source_conn_id)


class ObjectStorage:
    """Whatever Airflow's `ObjectStoragePath` knows, and `wasb(s)`.

    The connection is looked up once; a process that lives long makes a new one of these, and so sees it changed.

    :param conn_id: the connection (default: the storage's own default). One of these serves one account.
    """

    def __init__(self, conn_id: str | None) -> None:
        self._conn_id = conn_id
        self._system: AbstractFileSystem | None = None

    def list_files(self, folder: str, *, levels: int) -> Iterator[StorageEntry]:
        """As the protocol says, with all that is below the folder asked for at once. :raises NotFound: no container."""
        with translated(folder):
            path = self._at(folder)
            base = path.path.rstrip("/") + "/"
            # Not `ls`, which answers from what an earlier call saw.
            found = path.fs.find(base, detail=True)
            if not isinstance(found, dict):
                # Of a blob that is named like the folder adlfs gives the name alone, and not what is below the folder.
                parent, _, name = base.rstrip("/").rpartition("/")
                found = path.fs.find(parent, prefix=name, detail=True)
            files: dict[str, dict[str, Any]] = found
            if not files:
                self._require_container(folder)
        for name, info in files.items():
            below = name.removeprefix(base)
            if below != name and below.count("/") < levels:
                yield _entry(folder + below, info)

    def find_file(self, path: str) -> StorageEntry | None:
        """As the protocol says."""
        with translated(path):
            try:
                info = self._info(path)
            except FileNotFoundError:
                self._require_container(path)
                return None
        return _entry(path, info) if info.get("type") == "file" else None

    def open_file(self, path: str) -> BinaryIO:
        """As the protocol says."""
        with translated(path):
            found = self._at(path)
            return cast("BinaryIO", _Translated(found.fs.open(found.path, "rb"), path))

    def _at(self, uri: str) -> ObjectPath:
        path = object_path(uri, self._conn_id)
        if self._system is None:
            self._system = path.fs
        path.fs = self._system
        return path

    def _info(self, uri: str) -> dict[str, Any]:
        path = self._at(uri)
        path.fs.invalidate_cache()
        return cast("dict[str, Any]", path.fs.info(path.path))

    def _require_container(self, uri: str) -> None:
        container = container_of(uri)
        try:
            self._info(container)
        except FileNotFoundError:
            raise NotFound(f"{shown(container)} does not exist; check the address and the connection.") from None


class _Translated:
    """An open object whose errors are the workspace's."""

    def __init__(self, file: BinaryIO, uri: str) -> None:
        self._file = file
        self._uri = uri

    def read(self, size: int = -1) -> bytes:
        with translated(self._uri):
            return self._file.read(size)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _Translated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _entry(path: str, info: dict[str, Any]) -> StorageEntry:
    """The names of fields are those of adlfs (last_modified), s3fs (LastModified), gcsfs (mtime) and local files."""
    modified = next((info[name] for name in ("last_modified", "LastModified", "mtime") if info.get(name)), None)
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, UTC)
    if not isinstance(modified, datetime):
        modified = datetime.fromtimestamp(0, UTC)
    tag = next((str(info[name]) for name in ("etag", "ETag") if info.get(name)), "")
    return StorageEntry(
        path=path, size=int(info.get("size") or 0), modified=modified.astimezone(UTC), tag=tag.strip('"')
    )
