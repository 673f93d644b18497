"""What was uploaded: an index of names in SQLite, and one file per content, which is never changed."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from azureml_local.azure_api.storage.refusals import StorageRefusal
from azureml_workspace.disk import no_room_as_storage_full

_TABLES = """
CREATE TABLE IF NOT EXISTS blobs (
    container TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, md5 TEXT NOT NULL,
    content_type TEXT NOT NULL, metadata TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (container, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
    container TEXT NOT NULL, name TEXT NOT NULL, block TEXT NOT NULL, file TEXT NOT NULL, added REAL NOT NULL,
    PRIMARY KEY (container, name, block)
) WITHOUT ROWID;
"""
_BLOCKS_LIVE_SECONDS = 7 * 24 * 3600.0
_COPY_BYTES = 1 << 20
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A blob, and the file that holds its content. `md5` is base64, empty when nobody knows it."""

    name: str
    path: Path
    size: int
    etag: str
    modified: datetime
    md5: str = ""
    content_type: str = DEFAULT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Received:
    """Content that has arrived and has no name yet."""

    file: str
    size: int
    md5: str


class Incoming:
    """Content on its way in. Leaving the context removes it, unless it was given a name by then."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / uuid.uuid4().hex
        self._digest = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def __enter__(self) -> Incoming:
        self._stream = self._path.open("xb")
        self._kept = False
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. :raises StorageFull:"""
        with no_room_as_storage_full("the blob"):
            self._stream.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def finish(self, expected_md5: str | None = None) -> Received:
        """All of it is here. :raises StorageRefusal: it is not what the client sent. :raises StorageFull:"""
        with no_room_as_storage_full("the blob"):
            self._stream.close()
        md5 = base64.b64encode(self._digest.digest()).decode()
        if expected_md5 is not None and expected_md5 != md5:
            raise StorageRefusal(400, "Md5Mismatch", "the content does not have the MD5 that the client gave.")
        return Received(file=self._path.name, size=self._size, md5=md5)

    def keep(self) -> None:
        """It has a name now."""
        self._kept = True


class BlobStore:
    """The blobs of all containers. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._content = folder / "content"
        self._content.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._index = sqlite3.connect(folder / "index.db", check_same_thread=False, isolation_level=None)
        self._index.execute("PRAGMA journal_mode=WAL")
        self._index.executescript(_TABLES)
        self._sweep()

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._index.close()

    def incoming(self) -> Incoming:
        """A place for content that arrives."""
        return Incoming(self._content)

    def find(self, container: str, name: str) -> Blob | None:
        """The blob, or None."""
        with self._lock:
            row = self._index.execute(
                f"SELECT {_COLUMNS} FROM blobs WHERE container = ? AND name = ?",  # noqa: S608 (a constant)
                (container, name),
            ).fetchone()
        return None if row is None else self._blob(row)

    def list_from(self, container: str, prefix: str, start: str) -> Iterator[Blob]:
        """The blobs whose name begins with `prefix`, by name, from `start` on."""
        after = max(prefix, start)
        while True:
            with self._lock:
                rows = self._index.execute(
                    f"SELECT {_COLUMNS} FROM blobs WHERE container = ? AND name >= ? ORDER BY name LIMIT 1000",  # noqa: S608
                    (container, after),
                ).fetchall()
            for row in rows:
                if not row[0].startswith(prefix):
                    return
                yield self._blob(row)
            if not rows:
                return
            after = rows[-1][0] + "\0"

    def put(
        self,
        container: str,
        name: str,
        incoming: Incoming,
        received: Received,
        *,
        content_type: str = DEFAULT_TYPE,
        metadata: Mapping[str, str] | None = None,
        check: Callable[[Blob | None], None] = lambda _: None,
    ) -> Blob:
        """Give what arrived its name. Readers of an earlier content go on undisturbed.

        `check` gets the blob that is there now (None: none), and raises what forbids to replace it.
        """
        with self._lock:
            before = self.find(container, name)
            check(before)
            self._index.execute(
                "INSERT OR REPLACE INTO blobs (container, name, file, size, md5, content_type, metadata, modified) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    container,
                    name,
                    received.file,
                    received.size,
                    received.md5,
                    content_type,
                    json.dumps(dict(metadata or {})),
                    time.time(),
                ),
            )
            incoming.keep()
            self._forget_blocks(container, name)
            kept = self.find(container, name)
        if before is not None:
            before.path.unlink(missing_ok=True)
        if kept is None:
            raise RuntimeError(f"blob {name} was not kept")
        return kept

    def put_block(self, container: str, name: str, block: str, incoming: Incoming, received: Received) -> None:
        """Keep a part of a blob until its block list comes."""
        with self._lock:
            before = self._index.execute(
                "SELECT file FROM blocks WHERE container = ? AND name = ? AND block = ?", (container, name, block)
            ).fetchone()
            self._index.execute(
                "INSERT OR REPLACE INTO blocks (container, name, block, file, added) VALUES (?, ?, ?, ?, ?)",
                (container, name, block, received.file, time.time()),
            )
            incoming.keep()
        if before is not None:
            (self._content / before[0]).unlink(missing_ok=True)

    def join_blocks(self, container: str, name: str, blocks: Sequence[str], incoming: Incoming) -> Received:
        """Write the blocks one after the other into `incoming`.

        :raises StorageRefusal: one of them was not uploaded. (Blocks of a blob that is there already are not kept
            apart, so they cannot be named again.)
        """
        with self._lock:
            rows = self._index.execute(
                "SELECT block, file FROM blocks WHERE container = ? AND name = ?", (container, name)
            ).fetchall()
        files = dict(rows)
        for block in blocks:
            if block not in files:
                raise StorageRefusal(400, "InvalidBlockList", f"block {block!r} of {name} was not uploaded.")
            with (self._content / files[block]).open("rb") as stream:
                while chunk := stream.read(_COPY_BYTES):
                    incoming.write(chunk)
        return incoming.finish()

    def add_file(self, container: str, name: str, file: Path) -> Blob:
        """A file of this machine as a blob, copied."""
        with self.incoming() as incoming, file.open("rb") as stream:
            while chunk := stream.read(_COPY_BYTES):
                incoming.write(chunk)
            return self.put(container, name, incoming, incoming.finish())

    def delete(self, container: str, name: str, check: Callable[[Blob], None]) -> bool:
        """Remove the blob; False when there is none. `check` raises what forbids it."""
        with self._lock:
            found = self.find(container, name)
            if found is None:
                return False
            check(found)
            self._index.execute("DELETE FROM blobs WHERE container = ? AND name = ?", (container, name))
        found.path.unlink(missing_ok=True)
        return True

    def _blob(self, row: tuple[str, str, int, str, str, str, float]) -> Blob:
        name, file, size, md5, content_type, metadata, modified = row
        return Blob(
            name=name,
            path=self._content / file,
            size=size,
            etag=f'"0x{file[:16].upper()}"',
            modified=datetime.fromtimestamp(modified, UTC),
            md5=md5,
            content_type=content_type,
            metadata=json.loads(metadata),
        )

    def _forget_blocks(self, container: str, name: str) -> None:
        rows = self._index.execute(
            "DELETE FROM blocks WHERE container = ? AND name = ? RETURNING file", (container, name)
        ).fetchall()
        for (file,) in rows:
            (self._content / file).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what has no name: a server was killed while it arrived, or its block list never came."""
        self._index.execute("DELETE FROM blocks WHERE added < ?", (time.time() - _BLOCKS_LIVE_SECONDS,))
        named = {file for (file,) in self._index.execute("SELECT file FROM blobs UNION SELECT file FROM blocks")}
        for path in self._content.iterdir():
            if path.name not in named:
                path.unlink()


_COLUMNS = "name, file, size, md5, content_type, metadata, modified"
