"""What Azure's services remember and the workspace has no place for: JSON documents by kind and id."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

Document = dict[str, Any]


class Documents:
    """A SQLite file of documents, each whole or not there. Safe to use from many threads.

    Only the modules of this package know what is in a document.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (number INTEGER PRIMARY KEY, "
            "kind TEXT NOT NULL, id TEXT NOT NULL, content BLOB NOT NULL, UNIQUE (kind, id))"
        )

    def find(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT content FROM documents WHERE kind = ? AND id = ?", (kind, key)
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def list_all(self, kind: str) -> list[Document]:
        """All documents of a kind, the oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT content FROM documents WHERE kind = ? ORDER BY number", (kind,)
            ).fetchall()
        return [msgspec.json.decode(content) for (content,) in rows]

    def put(self, kind: str, key: str, document: Document) -> None:
        """Insert the document, or replace the one there is; it keeps its place in the order."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO documents (kind, id, content) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
                (kind, key, msgspec.json.encode(document)),
            )

    def change(self, kind: str, key: str, change: Callable[[Document | None], Document]) -> Document:
        """Replace the document (None: there is none) by what `change` makes of it; nobody else comes in between."""
        with self._lock:
            changed = change(self.find(kind, key))
            self.put(kind, key, changed)
            return changed

    def delete(self, kind: str, key: str) -> None:
        """Forget the document; one that is not there is no error."""
        with self._lock:
            self._connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, key))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
