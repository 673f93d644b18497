"""A full disk, as an error of the seam."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from azureml_workspace.errors import StorageFull

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def no_room_as_storage_full(what: str) -> Iterator[None]:
    """Turn "no room left" of the operating system, from whichever library, into the workspace's own error.

    :raises StorageFull: the disk, a quota or a file size limit stopped the write of `what`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(
                f"no room to store {what} ({os.strerror(error.errno or 0)}); nothing was kept. Free space, try again."
            ) from error
        raise
