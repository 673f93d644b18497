"""The log of a web service process: its standard output, which the control plane appends to `service.log`."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

LARGEST_BYTES = 5_000_000
_LOOK_EVERY_BYTES = 100_000


def log_to_stdout(log_path: Path) -> None:
    """Log to standard output; when that is `log_path`, the file is kept from growing for ever."""
    handler = CappedOutput(log_path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class CappedOutput(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard output; when it is a file that grew too long, what it holds moves to one older file beside it.

    Not a RotatingFileHandler: that renames the file, and what the process says without `logging` (a crash of native
    code) would go on into the renamed one.
    """

    def __init__(self, log_path: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        super().__init__(sys.stdout)
        self._path = log_path
        self._largest = largest_bytes
        self._look_every = min(_LOOK_EVERY_BYTES, largest_bytes)
        self._unseen_bytes = self._look_every

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        super().emit(record)
        self._unseen_bytes += len(record.getMessage()) + (len(record.exc_text) if record.exc_text else 0)
        if self._unseen_bytes >= self._look_every:
            self._unseen_bytes = 0
            with suppress(OSError):  # a full disk, a closed output: the next look tries again
                self._move_when_long()

    def _move_when_long(self) -> None:
        descriptor = self.stream.fileno()
        found = os.fstat(descriptor)
        appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND  # else a cut file is filled up with zeros
        if found.st_size < self._largest or not appends or not os.path.samestat(found, self._path.stat()):
            return
        shutil.copyfile(self._path, self._path.with_name(f"{self._path.name}.1"))
        os.ftruncate(descriptor, 0)
