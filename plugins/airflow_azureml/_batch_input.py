"""The file that is scored: a CSV by its address, or a drop by its pattern and key."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_azureml._drop_storage import storage_of
from airflow_azureml._sources import local_file
from airflow_azureml.addresses import shown
from azureml_drops.fetching import fetch_drop
from azureml_drops.finding import FoundDrop, find_drop, find_drops
from azureml_drops.keys import validate_drop_key
from azureml_drops.pattern import DropPattern
from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from azureml_batch.scoring import BatchInput
    from azureml_drops.storage import DropStorage
    from azureml_drops.transfer import DownloadLimits

LATEST = "latest"
"""The drop with the greatest key."""

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]+")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class BatchSource:
    """Rendered arguments. Either `data` (with a `key` of one's own, or its name's), or `pattern` and `drop_key`."""

    data: str | None
    key: str | None
    pattern: str | None
    drop_key: str | None
    conn_id: str | None
    limits: DownloadLimits
    separator: str
    encoding: str
    id_columns: tuple[str, ...]

    def validate(self) -> None:
        """:raises InvalidRequest: both are given or neither, or a key or pattern cannot be one."""
        if (self.data is None) == (self.pattern is None):
            given = "neither is given" if self.data is None else "both are given"
            raise InvalidRequest(f"data or pattern says what is scored, and {given}; give one of them.")
        if self.pattern is not None:
            DropPattern.parse(self.pattern)
            if self.drop_key is None:
                raise InvalidRequest(f"pattern is given without drop_key; give a date, a key, or {LATEST!r}.")
            if self.key is not None:
                raise InvalidRequest("key is given with pattern; a drop is called by its drop_key.")
        if self.key is not None:
            validate_drop_key(self.key)

    @contextmanager
    def fetched(self) -> Iterator[BatchInput]:
        """The file on this machine's disk.

        :raises AirflowSkipException: there is no such drop. :raises WorkspaceError: it cannot be fetched.
        """
        if self.pattern is not None:
            with tempfile.TemporaryDirectory(prefix="azureml-drop-") as folder:
                yield self._drop(DropPattern.parse(self.pattern), Path(folder))
            return
        data = str(self.data)
        with local_file(data, conn_id=self.conn_id, limits=self.limits) as path:
            yield self._batch(path, key=self.key or _key_of(path), source=shown(data), fingerprint=_fingerprint(path))

    def _drop(self, pattern: DropPattern, folder: Path) -> BatchInput:
        storage = storage_of(pattern, self.conn_id)
        found = _find(pattern, storage, str(self.drop_key))
        if found is None:
            raise AirflowSkipException(f"there is no drop {self.drop_key} under {shown(pattern.text)}.")
        fetched = fetch_drop(
            pattern,
            found,
            storage,
            folder,
            limits=self.limits,
            separator=self.separator,
            encoding=self.encoding,
        )
        return self._batch(Path(fetched.path), key=found.key, source=shown(found.path), fingerprint=fetched.fingerprint)

    def _batch(self, path: Path, *, key: str, source: str, fingerprint: str) -> BatchInput:
        from azureml_batch.scoring import BatchInput

        return BatchInput(
            path=path,
            key=key,
            source=source,
            fingerprint=fingerprint,
            separator=self.separator,
            encoding=self.encoding,
            id_columns=self.id_columns,
        )


def _find(pattern: DropPattern, storage: DropStorage, key: str) -> FoundDrop | None:
    if key != LATEST:
        return find_drop(pattern, storage, key)
    drops = find_drops(pattern, storage)
    return drops[-1] if drops else None


def _key_of(path: Path) -> str:
    return _NOT_IN_A_KEY.sub("-", path.stem).strip("-._")[:100] or "batch"


def _fingerprint(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read ({error.strerror}); check the path.") from error
    return f"sha256:{digest.hexdigest()}"
