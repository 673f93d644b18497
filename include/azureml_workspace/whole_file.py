"""A file that is there whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from azureml_workspace.disk import no_room_as_storage_full

TEMPORARY_PREFIX = ".tmp-"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content is the file `path` when the block ends well; nothing is left when it does not.

    Several may write the same file at once: each has a temporary file of its own beside it, and the last to end wins.

    :raises StorageFull: no room; nothing was kept.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:8]}-{path.name}"[:255])
    try:
        with no_room_as_storage_full(path.name):
            with temporary.open("xb") as stream:
                yield stream
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
