"""Where partitions are put: a folder of this machine, or anything else that keeps files by name."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from azureml_workspace.disk import no_room_as_storage_full
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable

_UNFINISHED = ".tmp-"


class BatchOutput(Protocol):
    """`name` is relative to the place, with slashes. Readers see a file complete or not at all."""

    def address(self, name: str) -> str:
        """Path or URI of the file, without a secret."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of the file; None when it is not there."""
        ...

    def put(self, file: Path, name: str) -> None:
        """Put a copy of a file there, in place of an earlier one."""
        ...


class LocalOutput:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def address(self, name: str) -> str:
        """The path."""
        return str(self._folder / name)

    def size(self, name: str) -> int | None:
        """As the protocol says."""
        try:
            return (self._folder / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, file: Path, name: str) -> None:
        """Copy it beside its place, then rename. What a killed process left beside it is removed.

        :raises InvalidRequest: this user may not write there. :raises StorageFull:
        :raises ServiceUnavailable: another task puts the same file there right now.
        """
        place = self._folder / name
        unfinished = place.parent / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            with no_room_as_storage_full(place.name):
                place.parent.mkdir(parents=True, exist_ok=True)
                for left in place.parent.glob(f"{_UNFINISHED}*"):
                    left.unlink(missing_ok=True)
                self._write(file, unfinished)
                unfinished.replace(place)
        except FileNotFoundError as error:
            raise ServiceUnavailable(f"{place} is being written by another task too; try again later.") from error
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise InvalidRequest(
                f"{place} cannot be written ({error.strerror}); give another output folder."
            ) from error
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                unfinished.unlink()

    def _write(self, file: Path, copy: Path) -> None:
        with file.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
