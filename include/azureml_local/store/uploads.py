"""Bytes on their way in: written to a folder of their own while they are hashed, never held in memory."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from azureml_local.files import temporary_sibling
from azureml_workspace.disk import no_room_as_storage_full

SOURCE_FILE = "source"


class Upload:
    """One upload. Leaving the context removes the folder, unless it was moved to its place by then.

    The file has the dataset's name until it is in its place: readers name the file in their errors. So it is in a
    folder of its own, because a dataset may have the name of a file that is made of it.
    """

    def __init__(self, datasets: Path, name: str) -> None:
        self.name = name
        self.folder = temporary_sibling(datasets / name)
        self._received_in = self.folder / "received"
        self.received = self._received_in / name
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        self._received_in.mkdir(parents=True)
        self._stream = self.received.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Closing flushes, which fails again on a full disk; the folder has to go all the same.
            with no_room_as_storage_full("the upload"):
                self._stream.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. :raises StorageFull:"""
        with no_room_as_storage_full("the upload"):
            self._stream.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """Close the file; gives the SHA-256 of everything, as hex. :raises StorageFull:"""
        with no_room_as_storage_full("the upload"):
            self._stream.close()
        return self._digest.hexdigest()

    def keep_as_source(self) -> None:
        """Put the received file where it stays."""
        self.received.rename(self.folder / SOURCE_FILE)
        self._received_in.rmdir()
