"""Dataset versions: names for content that never changes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from azureml_local.files import remove_tree
from azureml_local.paths import Home
from azureml_local.store.database import Database
from azureml_local.store.links import Links
from azureml_local.store.schema import DatasetRow
from azureml_local.store.uploads import SOURCE_FILE, Upload
from azureml_workspace.data.text_format import TextFormat
from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import NotFound
from azureml_workspace.records import ColumnSchema, DatasetVersion, validate_dataset_name

DATA_FILE = "data.parquet"
PROFILE_FILE = "profile.json"


@dataclass(frozen=True, kw_only=True)
class Content:
    """Typed content on disk, as jobs and previews read it."""

    path: Path
    rows: int
    columns: tuple[ColumnSchema, ...]


class DatasetStore:
    """The datasets of this workspace."""

    def __init__(self, home: Home, database: Database, links: Links) -> None:
        self._home = home
        self._database = database
        self._links = links
        self._ingesting = _LockPerKey()

    def upload(self, name: str) -> Upload:
        """A place for the bytes of a new version of `name`; a context manager.

        :raises InvalidRequest: the name is not valid.
        """
        validate_dataset_name(name)
        return Upload(self._home.datasets, name)

    def register(self, upload: Upload, text_format: TextFormat, tags: Mapping[str, str]) -> DatasetVersion:
        """The version that holds what was uploaded, made when there is none. Tags are added to it.

        :raises InvalidRequest: the bytes cannot be read as delimited text.
        :raises StorageFull: no room; nothing was kept.
        """
        name = upload.name
        digest = upload.finish()
        key = text_format.storage_key(digest)
        with self._ingesting.of(key):
            with self._database.read() as session:
                known = session.scalar(select(DatasetRow).where(DatasetRow.storage_key == key).limit(1))
            if known is not None:
                return self._add_version(name, digest, text_format, known.rows, known.columns, tags)
            rows, columns = self._ingest(upload, text_format)
            folder = self._home.dataset(key)
            remove_tree(folder)  # content that no version names: an earlier registration was cut off
            upload.folder.rename(folder)
            try:
                return self._add_version(name, digest, text_format, rows, columns, tags)
            except BaseException:
                remove_tree(folder)
                raise

    def get(self, name: str, version: int | None = None) -> DatasetVersion:
        """One version, the latest when none is named. :raises NotFound:"""
        with self._database.read() as session:
            return self._record(_require(session, name, version))

    def set_tags(self, name: str, version: int, tags: Mapping[str, str]) -> DatasetVersion:
        """Replace the tags of a version. :raises NotFound:"""
        with self._database.write() as session:
            row = _require(session, name, version)
            row.tags = dict(tags)
            return self._record(row)

    def list_all(self, name: str | None = None) -> list[DatasetVersion]:
        """Every version, of one dataset when it is named, by name and version."""
        query = select(DatasetRow).order_by(DatasetRow.name, DatasetRow.version)
        if name is not None:
            query = query.where(DatasetRow.name == name)
        with self._database.read() as session:
            return [self._record(row) for row in session.scalars(query)]

    def storage_key(self, name: str, version: int) -> str:
        """Which content a version holds. :raises NotFound:"""
        with self._database.read() as session:
            return _require(session, name, version).storage_key

    def content(self, storage_key: str) -> Content:
        """Where the typed content is. :raises NotFound: no version holds it."""
        with self._database.read() as session:
            row = session.scalar(select(DatasetRow).where(DatasetRow.storage_key == storage_key).limit(1))
        if row is None:
            raise NotFound(f"there is no dataset content {storage_key!r}.")
        return Content(path=self._home.dataset(storage_key) / DATA_FILE, rows=row.rows, columns=_columns(row.columns))

    def rows(self, name: str, version: int, count: int) -> list[dict[str, Any]]:
        """The first rows as JSON values. :raises NotFound:"""
        from azureml_workspace.data.rows import read_rows  # reads Parquet: not worth the start-up of every server

        return read_rows(self._home.dataset(self.storage_key(name, version)) / DATA_FILE, count)

    def label_counts(self, storage_key: str, column: str) -> dict[str, int] | None:
        """Rows per value of a column, see `label_counts` in `azureml_workspace.data.rows`; empty without such a column.

        :raises NotFound: no version holds such content.
        """
        from azureml_workspace.data.rows import label_counts  # see `rows`

        content = self.content(storage_key)
        if column not in {known.name for known in content.columns}:
            return {}
        return label_counts(content.path, column)

    def profile_path(self, name: str, version: int) -> Path:
        """A version's `profile.json`. :raises NotFound:"""
        return self._home.dataset(self.storage_key(name, version)) / PROFILE_FILE

    def source(self, name: str, version: int) -> tuple[Path, TextFormat]:
        """The bytes that were registered, and how they are read. :raises NotFound:"""
        with self._database.read() as session:
            row = _require(session, name, version)
        text_format = TextFormat(separator=row.separator, encoding=row.encoding)
        return self._home.dataset(row.storage_key) / SOURCE_FILE, text_format

    def remove_unnamed_content(self) -> None:
        """Remove content that no version names: a server was killed between storing and naming it."""
        with self._database.read() as session:
            named = set(session.scalars(select(DatasetRow.storage_key)))
        for folder in self._home.datasets.iterdir():
            if folder.name not in named:
                remove_tree(folder)

    def _ingest(self, upload: Upload, text_format: TextFormat) -> tuple[int, list[dict[str, Any]]]:
        from azureml_workspace.data.ingestion import ingest  # see `rows`

        with no_room_as_storage_full("the typed data"):
            data = ingest(
                upload.received, upload.folder, separator=text_format.separator, encoding=text_format.encoding
            )
        upload.keep_as_source()
        for file in upload.folder.iterdir():
            file.chmod(0o444)
        return data.rows, [column.to_dict() for column in data.columns]

    def _add_version(
        self,
        name: str,
        digest: str,
        text_format: TextFormat,
        rows: int,
        columns: list[dict[str, Any]],
        tags: Mapping[str, str],
    ) -> DatasetVersion:
        key = text_format.storage_key(digest)
        with self._database.write() as session:
            row = session.scalar(select(DatasetRow).where(DatasetRow.name == name, DatasetRow.storage_key == key))
            if row is not None:
                row.tags = {**row.tags, **tags}
                return self._record(row)
            latest = session.scalar(select(func.max(DatasetRow.version)).where(DatasetRow.name == name)) or 0
            row = DatasetRow(
                name=name,
                version=latest + 1,
                storage_key=key,
                fingerprint=f"sha256:{digest}",
                separator=text_format.separator,
                encoding=text_format.encoding,
                rows=rows,
                columns=columns,
                tags=dict(tags),
                created_at=datetime.now(UTC),
            )
            session.add(row)
            return self._record(row, created=True)

    def _record(self, row: DatasetRow, *, created: bool = False) -> DatasetVersion:
        return DatasetVersion(
            name=row.name,
            version=row.version,
            fingerprint=row.fingerprint,
            rows=row.rows,
            columns=_columns(row.columns),
            created_at=row.created_at,
            profile_uri=self._links.profile(row.name, row.version),
            created=created,
            tags=row.tags,
        )


class _LockPerKey:
    """A lock for every key: two uploads of one content wait for each other, others do not."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def of(self, key: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


def _require(session: Session, name: str, version: int | None) -> DatasetRow:
    query = select(DatasetRow).where(DatasetRow.name == name).order_by(DatasetRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(DatasetRow.version == version)
    row = session.scalar(query)
    if row is None:
        wanted = f"dataset {name!r}" if version is None else f"version {version} of dataset {name!r}"
        raise NotFound(f"there is no {wanted}; register it first, or check the name.")
    return row


def _columns(stored: list[dict[str, Any]]) -> tuple[ColumnSchema, ...]:
    return tuple(ColumnSchema.from_dict(column) for column in stored)
