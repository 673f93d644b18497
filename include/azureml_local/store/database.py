"""SQLite in WAL mode: many readers, and one writer at a time, which is this server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from azureml_local.store.migrations import READABLE_VERSIONS, bring_up_to_date
from azureml_local.store.schema import SCHEMA_VERSION
from azureml_workspace.errors import InvalidRequest, StorageFull

_DISK_FULL_MESSAGES = ("database or disk is full", "disk I/O error")


class Database:
    """The metadata database. Sessions are short: open one, do one thing, leave it."""

    def __init__(self, path: Path) -> None:
        """Open the database, making its tables when it is new and bringing those of an earlier version up to date.

        :raises InvalidRequest: another version of this project wrote it, or it is no database.
        :raises StorageFull: the disk is full.
        """
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
        event.listen(self._engine, "connect", _set_pragmas)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._writer = threading.Lock()
        try:
            self._make_tables(path)
        except DatabaseError as error:
            if _is_disk_full(error):
                raise StorageFull(f"the disk that is to hold {path} is full; free space.") from error
            raise InvalidRequest(
                f"{path} cannot be used as a database ({error.orig}); is it damaged, or not yours to write? "
                "Put a copy in its place, or start in another folder (--home)."
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction, alone: what it reads stays true until it commits.

        :raises StorageFull: the disk is full; nothing was written.
        """
        try:
            with self._writer, self._sessions.begin() as session:
                yield session
        except OperationalError as error:
            if _is_disk_full(error):
                raise StorageFull("the disk that holds the local Azure ML's metadata is full; free space.") from error
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _make_tables(self, path: Path) -> None:
        with self._engine.begin() as connection:
            found: int = connection.execute(text("PRAGMA user_version")).scalar_one()
            if found and found not in READABLE_VERSIONS:
                raise InvalidRequest(
                    f"{path} has schema version {found}, this program reads up to {SCHEMA_VERSION}; "
                    "use the version that made it, or start in another folder (--home)."
                )
            bring_up_to_date(connection, found)


def _is_disk_full(error: DatabaseError) -> bool:
    return any(message in str(error.orig) for message in _DISK_FULL_MESSAGES)


def _set_pragmas(connection: Any, record: Any) -> None:  # noqa: ARG001 (the signature of SQLAlchemy's event)
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
