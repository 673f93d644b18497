"""Bring data from elsewhere onto this machine's disk, within limits."""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, StorageFull

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class DownloadLimits:
    """The most that is fetched from elsewhere: bytes, and seconds in all."""

    max_bytes: int
    seconds: float


class Transfer:
    """One fetch, of one file or several, held to its limits. The time runs from when this is made.

    :param name: what is fetched, as messages may show it.
    """

    def __init__(self, name: str, limits: DownloadLimits) -> None:
        self._name = name
        self._limits = limits
        self._end = time.monotonic() + limits.seconds
        self._bytes = 0

    def copy(self, chunks: Iterator[bytes], file: BinaryIO) -> None:
        """Write all chunks. :raises InvalidRequest: more than the limit. :raises ServiceUnavailable: too slow."""
        for chunk in chunks:
            file.write(chunk)
            self.count(len(chunk))

    def count(self, size: int) -> None:
        """That many bytes more were fetched. Raises as `copy` does."""
        self._bytes += size
        if self._bytes > self._limits.max_bytes:
            raise InvalidRequest(
                f"{self._name} is larger than {self._limits.max_bytes / 1e6:.0f} MB; raise max_download_mb to take it."
            )
        if time.monotonic() > self._end:
            raise ServiceUnavailable(
                f"{self._name} was not downloaded within {self._limits.seconds:.0f} s; try again later."
            )


@contextmanager
def room_for_copy(name: str) -> Iterator[None]:
    """:raises StorageFull: the disk filled up while a copy of `name` was written inside."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"no room in {tempfile.gettempdir()} for a copy of {name}.") from error
        raise
