"""Temporary folders for programs that leave files behind: each process has one of its own, which goes with it.

Several processes, also of several machines, may share the parent folder. A folder is held by a lock on the file beside
it. The lock goes with its process however that ends, and who comes next clears away what nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_LOCK = ".lock"


class ScratchFolder:
    """A new, empty folder below `parent`, which is there. :raises OSError: it cannot be made."""

    def __init__(self, parent: Path) -> None:
        _clear(parent)
        # The folder comes after its lock: without one, nobody would know whose it is.
        self._lock = parent / f"{uuid4().hex}{_LOCK}"
        self._held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = self._lock.with_suffix("")
        self.path.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        _remove(self._lock)
        os.close(self._held)


def _clear(parent: Path) -> None:
    """Remove the folders of processes that have ended."""
    for lock in parent.glob(f"*{_LOCK}"):
        with suppress(OSError):  # somebody else's, or held, or gone meanwhile
            found = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock)
            finally:
                os.close(found)


def _remove(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)
